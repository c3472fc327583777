import { CircleCheck, CloudOff, Flag, LoaderCircle, Pause, Play, Square, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { useT } from '@/i18n';
import { cx } from '@/ui/classes';
import { recorder } from './recorder';
import type { Sender } from './sender';
import { longClock } from './times';
import { useRecorder, useSeconds, useSent } from './useRecorder';
import { Wave } from './Wave';

/** While it records: what is heard, for how long, whether it is safe, and what to do. */
export function Stage({ sender }: { sender: Sender }) {
  const t = useT();
  const { phase, capture } = useRecorder();
  const seconds = useSeconds(phase === 'recording');
  const paused = phase !== 'recording';
  return (
    <section
      aria-label={t('record.title')}
      className="card grid gap-5 overflow-hidden px-5 pt-6 pb-7 sm:px-8"
    >
      <div className="flex items-center justify-between gap-4">
        <p role="status" className="flex items-center gap-2.5 text-sm font-medium">
          <span
            aria-hidden
            className={cx('size-2.5 rounded-full', paused ? 'bg-control' : 'animate-breathe bg-danger')}
          />
          {t(phase === 'recording' ? 'record.on' : phase === 'paused' ? 'record.paused' : 'record.finishing')}
        </p>
        <p role="timer" aria-label={t('record.clock')} dir="ltr" className="tabular text-3xl font-medium">
          {longClock(seconds)}
        </p>
      </div>
      <Wave analyser={capture?.analyser ?? null} paused={paused} />
      {phase !== 'finishing' && <Controls paused={phase === 'paused'} />}
      <Safe sender={sender} finishing={phase === 'finishing'} />
    </section>
  );
}

const ROUND = 'grid place-items-center rounded-full transition-[background-color,transform] active:scale-95';

function Controls({ paused }: { paused: boolean }) {
  const t = useT();
  const Toggle = paused ? Play : Pause;
  return (
    <div className="grid grid-cols-3 items-start justify-items-center gap-2 sm:mx-auto sm:gap-10">
      <Control name={t(paused ? 'record.resume' : 'record.pause')}>
        <button
          type="button"
          aria-label={t(paused ? 'record.resume' : 'record.pause')}
          onClick={() => (paused ? recorder.resume() : recorder.pause())}
          className={cx(ROUND, 'size-14 border border-line-strong bg-surface shadow-1 hover:bg-raised')}
        >
          <Toggle aria-hidden className="size-5.5" />
        </button>
      </Control>
      <Control name={t('record.stop')}>
        <button
          type="button"
          aria-label={t('record.stop')}
          onClick={() => recorder.stop()}
          className={cx(ROUND, 'size-18 bg-danger text-paper shadow-2 hover:opacity-90')}
        >
          <Square aria-hidden className="size-7 fill-current" />
        </button>
      </Control>
      <Control name={t('record.mark')} hint="M">
        <button
          type="button"
          aria-label={t('record.mark')}
          aria-keyshortcuts="M"
          onClick={() => recorder.mark()}
          className={cx(ROUND, 'size-14 border border-line-strong bg-surface shadow-1 hover:bg-raised')}
        >
          <Flag aria-hidden className="size-5.5" />
        </button>
      </Control>
    </div>
  );
}

function Control({ name, hint, children }: { name: string; hint?: string; children: ReactNode }) {
  return (
    <div className="grid min-h-24 content-start justify-items-center gap-1.5">
      <div className="grid h-18 place-items-center">{children}</div>
      <span aria-hidden className="flex items-center gap-1.5 text-xs text-ink-soft">
        {name}
        {hint && (
          <kbd className="hidden rounded-sm border border-line-strong px-1 text-2xs sm:inline">{hint}</kbd>
        )}
      </span>
    </div>
  );
}

/** What nobody should have to wonder about. */
function Safe({ sender, finishing }: { sender: Sender; finishing: boolean }) {
  const t = useT();
  const { state, savedSeconds, savedBytes, kept, reason } = useSent(sender);
  const away = state === 'waiting';
  const time = longClock(savedSeconds);
  const Icon = away ? CloudOff : finishing ? LoaderCircle : CircleCheck;
  return (
    <div
      className={cx(
        'mx-auto flex max-w-xl items-start gap-2.5 rounded-md px-3.5 py-2.5 text-sm',
        away ? 'bg-amber-soft text-amber-ink' : 'bg-good-soft text-good',
      )}
    >
      <Icon aria-hidden className={cx('mt-0.5 size-4 shrink-0', finishing && !away && 'animate-spin')} />
      <div className="grid gap-1">
        <p className="tabular" data-saved={savedSeconds}>
          {savedBytes === 0
            ? t(away ? 'record.saved.away.none' : 'record.saved.none')
            : t(away ? 'record.saved.away' : 'record.saved', { time })}
        </p>
        {away && reason && <p>{reason}</p>}
        {!kept && (
          <p className="flex items-center gap-1.5">
            <TriangleAlert aria-hidden className="size-4 shrink-0" />
            {t('record.saved.unkept')}
          </p>
        )}
      </div>
    </div>
  );
}
