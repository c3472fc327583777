import { CloudCheck, CloudOff, LoaderCircle } from 'lucide-react';
import { useT } from '@/i18n';
import type { DeskState } from './desk';

/** Whether what was done is on the server: always there, so that one can rely on it. */
export function SaveState({ state, touched }: { state: DeskState; touched: boolean }) {
  const t = useT();
  const { waiting, away, trouble } = state;
  const unsaved = waiting > 0 && (away || trouble !== null);
  return (
    <span role="status" className="inline-flex items-center gap-1.5">
      {unsaved ? (
        <span
          title={t('editing.unsaved.text')}
          className="inline-flex items-center gap-1.5 rounded-full bg-amber-soft px-2.5 py-0.5 font-medium text-amber-ink"
        >
          <CloudOff aria-hidden className="size-4" />
          {t('editing.unsaved', { n: waiting })}
        </span>
      ) : waiting > 0 ? (
        <>
          <LoaderCircle aria-hidden className="size-4 animate-spin" />
          {t('editing.saving')}
        </>
      ) : (
        touched && (
          <>
            <CloudCheck aria-hidden className="size-4" />
            {t('editing.saved')}
          </>
        )
      )}
    </span>
  );
}
