import { useT } from '@/i18n';
import { cx } from '@/ui/classes';
import { Describe } from './Describe';
import { Done } from './Done';
import { Marks } from './Marks';
import { Setup } from './Setup';
import { Stage } from './Stage';
import { useMarkKey, useRecorder } from './useRecorder';

/** From the microphone into the library. What is said live has its place below the stage, in the wide column. */
export function RecordPage() {
  const t = useT();
  const { phase, sender } = useRecorder();
  useMarkKey();
  const under = phase === 'recording' || phase === 'paused' || phase === 'finishing';
  return (
    <div className="grid grow content-start gap-6 px-4 py-6 sm:px-6 md:py-8 lg:pe-10">
      <header className="grid gap-1">
        <h1 className="display text-3xl">{t('record.title')}</h1>
        <p className="max-w-2xl text-ink-soft">{t('record.text')}</p>
      </header>
      <div className={cx('grid items-start gap-5', phase !== 'done' && 'lg:grid-cols-[minmax(0,1fr)_20rem]')}>
        <div className="grid gap-5">
          {phase === 'done' && sender ? (
            <Done sender={sender} />
          ) : under && sender ? (
            <Stage sender={sender} />
          ) : (
            <Setup />
          )}
        </div>
        {phase !== 'done' && (
          <div className="grid gap-5">
            <Describe />
            {under && <Marks />}
          </div>
        )}
      </div>
    </div>
  );
}
