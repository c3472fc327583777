import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import WaveSurfer from 'wavesurfer.js';
import { peaksQuery } from '@/api/queries';
import type { Peaks } from '@/api/types';
import { nearest } from '@/features/comments/places';
import { t } from '@/i18n';
import { clock } from '@/ui/format';
import type { Player } from './player';

interface WaveformProps {
  id: string;
  player: Player;
  duration: number;
  /** The moments that somebody has commented. */
  marks: readonly number[];
}

/** How near to a mark a press means it, in pixels. */
const REACH = 6;

const STEP = 5;

/** The recording at a glance: a slider over its length that shows where it is loud. */
export function Waveform({ id, player, duration, marks }: WaveformProps) {
  const box = useRef<HTMLDivElement>(null);
  const slider = useRef<HTMLDivElement>(null);
  const peaks = useQuery(peaksQuery(id)).data;

  useEffect(() => {
    const { current } = box;
    if (!current || !peaks || peaks.points.length === 0) return;
    let remove: (() => void) | null = null;
    const drawn = whenIdle(() => {
      remove = draw(current, peaks, player);
    });
    return () => {
      drawn.cancel();
      remove?.();
    };
  }, [peaks, player]);

  useEffect(
    () =>
      player.onTime((time) => {
        slider.current?.setAttribute('aria-valuenow', String(Math.floor(time)));
        slider.current?.setAttribute('aria-valuetext', clock(time));
        slider.current?.style.setProperty('--at', `${duration > 0 ? (time / duration) * 100 : 0}%`);
      }),
    [player, duration],
  );

  return (
    <div
      ref={slider}
      role="slider"
      tabIndex={0}
      dir="ltr"
      aria-label={t('recording.position')}
      aria-valuemin={0}
      aria-valuemax={Math.floor(duration)}
      aria-valuenow={0}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        const place = placeOf(event, duration);
        const reach = (REACH / event.currentTarget.clientWidth) * duration;
        player.seek(nearest(marks, place, reach) ?? place);
      }}
      onPointerMove={(event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) player.seek(placeOf(event, duration));
      }}
      onKeyDown={(event) => {
        const target = keyTarget(event.key, player.time, duration);
        if (target === null) return;
        event.preventDefault();
        event.stopPropagation();
        player.seek(target);
      }}
      className="relative h-11 grow cursor-pointer touch-none rounded-md"
    >
      <div ref={box} className="pointer-events-none absolute inset-0" />
      {duration > 0 &&
        marks.map((at) => (
          <span
            key={at}
            aria-hidden
            className="pointer-events-none absolute top-0 size-2 -translate-x-1/2 rounded-full bg-amber-ink ring-2 ring-surface"
            style={{ left: `${(at / duration) * 100}%` }}
          />
        ))}
      {!peaks && (
        <div className="pointer-events-none absolute inset-x-0 top-1/2 h-1.5 -translate-y-1/2 overflow-hidden rounded-full bg-sunken">
          <div className="h-full w-(--at) bg-accent" />
        </div>
      )}
    </div>
  );
}

/** Draw it, and keep it in step with the sound and the theme; returns what takes it away. */
function draw(box: HTMLElement, peaks: Peaks, player: Player): () => void {
  const loudest = Math.max(1, ...peaks.points.slice(0, 12_000));
  const wave = WaveSurfer.create({
    ...colours(),
    container: box,
    height: 44,
    cursorWidth: 2,
    barWidth: 2,
    barGap: 2,
    barRadius: 2,
    interact: false,
    hideScrollbar: true,
    cspNonce: document.querySelector<HTMLElement>('[nonce]')?.nonce ?? '',
    peaks: [peaks.points.map((point) => point / loudest)],
    duration: peaks.duration,
  });
  const stop = player.onTime((time) => wave.setTime(time));
  const theme = new MutationObserver(() => wave.setOptions(colours()));
  theme.observe(document.documentElement, { attributeFilter: ['data-theme'] });
  return () => {
    theme.disconnect();
    stop();
    wave.destroy();
  };
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  const accent = style.getPropertyValue('--accent');
  return { waveColor: style.getPropertyValue('--wave'), progressColor: accent, cursorColor: accent };
}

/** Once the text stands: a picture of the sound keeps nobody from typing. */
function whenIdle(deed: () => void): { cancel: () => void } {
  // Safari has no such thing.
  if (!('requestIdleCallback' in window)) {
    const timer = setTimeout(deed, 50);
    return { cancel: () => clearTimeout(timer) };
  }
  const wish = requestIdleCallback(deed, { timeout: 1000 });
  return { cancel: () => cancelIdleCallback(wish) };
}

function placeOf(event: React.PointerEvent<HTMLElement>, duration: number): number {
  const { left, width } = event.currentTarget.getBoundingClientRect();
  return Math.min(1, Math.max(0, (event.clientX - left) / width)) * duration;
}

/** Where a key on the slider leads. Time runs from left to right, whatever the language. */
export function keyTarget(key: string, time: number, duration: number): number | null {
  switch (key) {
    case 'ArrowLeft':
    case 'ArrowDown':
      return time - STEP;
    case 'ArrowRight':
    case 'ArrowUp':
      return time + STEP;
    case 'PageDown':
      return time - 10 * STEP;
    case 'PageUp':
      return time + 10 * STEP;
    case 'Home':
      return 0;
    case 'End':
      return duration;
    default:
      return null;
  }
}
