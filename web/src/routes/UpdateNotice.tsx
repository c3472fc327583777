import { RefreshCw } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { recording } from '@/features/record/now';
import { useT } from '@/i18n';
import { update, updateNow } from '@/pwa';

/** That there is a new version; not while something is recorded, for it loads the page anew. */
export function UpdateNotice() {
  const t = useT();
  const found = useSyncExternalStore(update.subscribe, update.get);
  const now = useSyncExternalStore(recording.subscribe, recording.get);
  if (!found || now !== 'off') return null;
  return (
    <p
      role="status"
      className="flex flex-wrap items-center justify-center gap-x-3 gap-y-1 bg-accent-soft px-4 py-2 text-sm text-accent-strong"
    >
      {t('pwa.new')}
      <button
        type="button"
        onClick={updateNow}
        className="inline-flex items-center gap-1.5 rounded-sm font-medium underline underline-offset-3"
      >
        <RefreshCw aria-hidden className="size-4" />
        {t('pwa.update')}
      </button>
    </p>
  );
}
