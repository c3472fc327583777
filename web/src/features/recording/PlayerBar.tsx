import { FastForward, Pause, Play, Repeat, RotateCcw, RotateCw } from 'lucide-react';
import { useEffect, useRef, useSyncExternalStore } from 'react';
import { useT } from '@/i18n';
import { IconButton } from '@/ui/Button';
import { Select } from '@/ui/Field';
import { clock } from '@/ui/format';
import { preferences } from '@/ui/preferences';
import { type Player, SPEEDS } from './player';
import { Waveform } from './Waveform';

const SKIP = 5;

interface PlayerBarProps {
  id: string;
  player: Player;
  /** As the server knows it, before the browser does. */
  duration: number | null;
  /** The moments that somebody has commented. */
  marks: readonly number[];
}

export function PlayerBar({ id, player, duration: claimed, marks }: PlayerBarProps) {
  const t = useT();
  const state = useSyncExternalStore(player.subscribe, player.get);
  const skipping = useSyncExternalStore(preferences.subscribe, () => preferences.get().skipSilence ?? false);
  const duration = state.duration ?? claimed ?? 0;
  return (
    <section
      aria-label={t('recording.player')}
      className="glass mx-3 rounded-xl px-3 py-2.5 shadow-3 sm:mx-6 sm:px-4"
    >
      {state.playable === false ? (
        <p className="py-2 text-sm text-ink-soft">{t('recording.unplayable')}</p>
      ) : (
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1 md:flex-nowrap">
          <div className="flex items-center gap-0.5">
            <IconButton
              icon={RotateCcw}
              label={t('recording.back', { n: SKIP })}
              onClick={() => player.skip(-SKIP)}
            />
            <button
              type="button"
              aria-label={t(state.playing ? 'recording.pause' : 'recording.play')}
              onClick={() => player.toggle()}
              className="grid size-11 place-items-center rounded-full bg-accent text-on-accent shadow-2 transition-transform hover:bg-accent-strong active:scale-95"
            >
              {state.playing ? (
                <Pause aria-hidden className="size-5 fill-current" />
              ) : (
                <Play aria-hidden className="size-5 translate-x-px fill-current" />
              )}
            </button>
            <IconButton
              icon={RotateCw}
              label={t('recording.forward', { n: SKIP })}
              onClick={() => player.skip(SKIP)}
            />
          </div>
          {/* On a phone the time stands beside the waveform, on a line of their own. */}
          <span aria-hidden className="order-last w-full md:hidden" />
          <Time player={player} duration={duration} />
          <div className="order-last flex min-w-0 grow basis-1/2 md:order-none">
            <Waveform id={id} player={player} duration={duration} marks={marks} />
          </div>
          <div className="ms-auto flex items-center gap-1.5 md:ms-0">
            <Select
              label={t('recording.speed')}
              value={state.speed}
              onChange={(event) => player.speedTo(Number(event.target.value))}
              className="tabular"
            >
              {SPEEDS.map((speed) => (
                <option key={speed} value={speed}>
                  {speed}×
                </option>
              ))}
            </Select>
            {state.loop && (
              <IconButton
                icon={Repeat}
                label={t('editing.loop.end')}
                aria-pressed
                onClick={() => player.loop(null)}
              />
            )}
            <IconButton
              icon={FastForward}
              label={t('recording.silence')}
              aria-pressed={skipping}
              onClick={() => preferences.change({ skipSilence: !skipping })}
            />
          </div>
        </div>
      )}
    </section>
  );
}

function Time({ player, duration }: { player: Player; duration: number }) {
  const ref = useRef<HTMLSpanElement>(null);
  useEffect(
    () =>
      player.onTime((time) => {
        const text = clock(time);
        if (ref.current && ref.current.textContent !== text) ref.current.textContent = text;
      }),
    [player],
  );
  return (
    <p dir="ltr" className="tabular text-sm text-ink-soft max-md:order-last">
      <span ref={ref} className="font-medium text-ink">
        0:00
      </span>
      {' / '}
      {clock(duration)}
    </p>
  );
}
