import { type ErrorComponentProps, Link } from '@tanstack/react-router';
import { useT } from '@/i18n';
import { Button } from '@/ui/Button';

/** An address that leads nowhere. */
export function Missing() {
  const t = useT();
  return (
    <main className="grid min-h-[70dvh] place-items-center px-6 text-center">
      <div>
        <h1 className="display text-2xl">{t('error.missing.title')}</h1>
        <p className="mt-2 text-ink-soft">{t('error.missing.text')}</p>
        <Link to="/" className="mt-6 inline-block font-medium text-accent underline underline-offset-4">
          {t('error.missing.back')}
        </Link>
      </div>
    </main>
  );
}

/** A page that broke: it says so, and the rest of the app stays. */
export function Broken({ error }: ErrorComponentProps) {
  const t = useT();
  return (
    <main className="grid min-h-[70dvh] place-items-center px-6 text-center">
      <div role="alert">
        <h1 className="display text-2xl">{t('error.crash')}</h1>
        <p className="mt-2 max-w-xl text-ink-soft">
          {error instanceof Error ? error.message : String(error)}
        </p>
        <Button look="solid" className="mt-6" onClick={() => window.location.reload()}>
          {t('error.reload')}
        </Button>
      </div>
    </main>
  );
}
