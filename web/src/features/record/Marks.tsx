import { Flag, X } from 'lucide-react';
import { useId } from 'react';
import { useT } from '@/i18n';
import { IconButton } from '@/ui/Button';
import { recorder } from './recorder';
import { longClock } from './times';
import { useRecorder } from './useRecorder';

/** Moments to come back to. They become comments of the recording. */
export function Marks() {
  const t = useT();
  const id = useId();
  const { marks } = useRecorder();
  return (
    <section aria-labelledby={id} className="card grid content-start gap-3 p-5">
      <h2 id={id} className="text-sm font-semibold">
        {t('record.marks')}
      </h2>
      {marks.length === 0 ? (
        <p className="text-sm text-ink-soft">{t('record.marks.none')}</p>
      ) : (
        <ol className="-mx-2 grid max-h-72 grid-cols-[minmax(0,1fr)] gap-0.5 overflow-y-auto px-2">
          {marks.map(({ at, text }, index) => (
            <li key={at} className="flex items-center gap-2">
              <Flag aria-hidden className="size-4 shrink-0 text-amber-ink" />
              <span dir="ltr" className="tabular text-xs text-ink-soft">
                {longClock(at)}
              </span>
              <input
                aria-label={t('record.mark.text', { time: longClock(at) })}
                value={text}
                maxLength={300}
                onChange={(event) =>
                  recorder.setMarks(
                    marks.map((each, other) => (other === index ? { at, text: event.target.value } : each)),
                  )
                }
                className="min-h-9 pointer-coarse:min-h-11 min-w-0 grow rounded-sm bg-transparent px-1.5 text-sm hover:bg-raised"
              />
              <IconButton
                icon={X}
                label={t('record.mark.remove', { time: longClock(at) })}
                onClick={() => recorder.setMarks(marks.filter((_, other) => other !== index))}
              />
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
