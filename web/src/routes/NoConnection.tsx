import { WifiOff } from 'lucide-react';
import { useT } from '@/i18n';

/** The app is here, but the server is not. */
export function NoConnection() {
  const t = useT();
  return (
    <main className="mx-auto grid min-h-dvh max-w-md content-center justify-items-center gap-4 px-6 text-center">
      <span className="grid size-20 place-items-center rounded-full bg-amber-soft text-amber-ink">
        <WifiOff aria-hidden className="size-9" />
      </span>
      <h1 className="display text-2xl">{t('pwa.offline.title')}</h1>
      <p className="text-ink-soft">{t('pwa.offline.text')}</p>
    </main>
  );
}
