import { useWindowVirtualizer } from '@tanstack/react-virtual';
import {
  Fragment,
  type MouseEvent,
  memo,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import type { Segment } from '@/api/types';
import { t } from '@/i18n';
import { cx } from '@/ui/classes';
import { clock } from '@/ui/format';
import type { Player } from './player';
import { type Names, speakerName } from './speakers';
import { lastAt, UNSURE, type Voice, wordAt } from './timeline';

interface TranscriptProps {
  segments: readonly Segment[];
  voices: readonly Voice[];
  names: Names;
  player: Player | null;
  tint: boolean;
  /** Whether the page scrolls with the sound. */
  following: boolean;
  onScrolledAway: () => void;
}

/** The text, of which only what can be seen is there; it follows the sound, and a word clicked is heard. */
export function Transcript({
  segments,
  voices,
  names,
  player,
  tint,
  following,
  onScrolledAway,
}: TranscriptProps) {
  const ref = useRef<HTMLDivElement>(null);
  const [offset, setOffset] = useState(0);
  const [active, setActive] = useState(-1);
  useLayoutEffect(() => {
    const place = () => setOffset((ref.current?.getBoundingClientRect().top ?? 0) + window.scrollY);
    place();
    const watch = new ResizeObserver(place);
    watch.observe(document.body);
    return () => watch.disconnect();
  }, []);
  const virtual = useWindowVirtualizer({
    count: segments.length,
    estimateSize: (index) => 34 + Math.ceil((segments[index]?.text.length ?? 0) / 70) * 30,
    overscan: 6,
    scrollMargin: offset,
  });

  const numbers = useMemo(() => new Map(voices.map((voice) => [voice.speaker, voice.number])), [voices]);
  const segmentsNow = useRef(segments);
  segmentsNow.current = segments;

  useEffect(() => {
    if (!player) return;
    return player.onTime((time) => {
      const heard = time > 0 || player.get().playing;
      setActive(heard ? lastAt(segmentsNow.current, time) : -1);
    });
  }, [player]);

  useLayoutEffect(() => {
    if (!following || active < 0) return;
    const calm = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    virtual.scrollToIndex(active, { align: 'center', behavior: calm ? 'auto' : 'smooth' });
  }, [active, following, virtual]);

  useEffect(() => {
    const away = () => onScrolledAway();
    const ends = new AbortController();
    const { signal } = ends;
    window.addEventListener('wheel', away, { passive: true, signal });
    window.addEventListener('touchmove', away, { passive: true, signal });
    return () => ends.abort();
  }, [onScrolledAway]);

  const hear = useCallback(
    (event: MouseEvent<HTMLElement>) => {
      const place = (event.target as HTMLElement).closest<HTMLElement>('[data-at]')?.dataset.at;
      // A selection is made to be copied, not to be played.
      if (place === undefined || !player || !window.getSelection()?.isCollapsed) return;
      player.playFrom(Number(place));
    },
    [player],
  );

  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: each segment has a button for its time; words are a finer target
    // biome-ignore lint/a11y/noStaticElementInteractions: as above
    <div ref={ref} onClick={hear} className="relative" style={{ height: virtual.getTotalSize() }}>
      {virtual.getVirtualItems().map((item) => {
        const segment = segments[item.index];
        if (!segment) return null;
        const before = segments[item.index - 1];
        return (
          <div
            key={item.key}
            ref={virtual.measureElement}
            data-index={item.index}
            className="absolute inset-x-0 top-0"
            style={{ transform: `translateY(${item.start - offset}px)` }}
          >
            <Line
              segment={segment}
              number={numbers.get(segment.speaker) ?? 1}
              name={speakerName(segment.speaker, names)}
              named={before?.speaker !== segment.speaker || item.index === 0}
              active={item.index === active}
              player={player}
              tint={tint}
            />
          </div>
        );
      })}
    </div>
  );
}

interface LineProps {
  segment: Segment;
  number: number;
  name: string | null;
  named: boolean;
  active: boolean;
  player: Player | null;
  tint: boolean;
}

const Line = memo(function Line({ segment, number, name, named, active, player, tint }: LineProps) {
  const ref = useRef<HTMLParagraphElement>(null);
  useCurrentWord(ref, segment, active ? player : null);
  return (
    <div
      data-active={active || undefined}
      className={cx(
        'grid grid-cols-[3.75rem_1fr] gap-x-3 rounded-lg px-2 pb-1.5 transition-colors duration-200 sm:gap-x-4',
        'data-active:bg-surface data-active:shadow-1',
        named ? 'pt-4' : 'pt-1.5',
      )}
    >
      {named && name !== null && (
        <p
          className="col-start-2 mb-0.5 flex items-center gap-2 text-sm font-semibold"
          style={{ color: `var(--voice-${number})` }}
        >
          <span aria-hidden className="size-2 rounded-full bg-current" />
          <bdi>{name}</bdi>
        </p>
      )}
      <button
        type="button"
        disabled={!player}
        aria-label={t('recording.jump', { time: clock(segment.start_time) })}
        data-at={segment.start_time}
        className="tabular col-start-1 self-start justify-self-end rounded-sm px-1 pt-1 text-xs text-ink-faint enabled:hover:text-accent"
      >
        {clock(segment.start_time)}
      </button>
      <p ref={ref} dir="auto" className="col-start-2 text-lg text-pretty">
        {segment.words.length === 0
          ? segment.text
          : segment.words.map((word, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: words have no other name, and never move
              <Fragment key={index}>
                {index > 0 && ' '}
                <span
                  data-at={word.start_time}
                  data-unsure={(tint && word.confidence !== null && word.confidence < UNSURE) || undefined}
                  className="word"
                >
                  {word.text}
                </span>
              </Fragment>
            ))}
      </p>
    </div>
  );
});

/** Mark the word that is being said. Many times a second, so past React. */
function useCurrentWord(
  ref: { readonly current: HTMLElement | null },
  segment: Segment,
  player: Player | null,
): void {
  useEffect(() => {
    if (!player) return;
    let marked: Element | undefined;
    const stop = player.onTime((time) => {
      const next = ref.current?.children[wordAt(segment.words, time)];
      if (next === marked) return;
      marked?.removeAttribute('data-said');
      next?.setAttribute('data-said', '');
      marked = next;
    });
    return () => {
      stop();
      marked?.removeAttribute('data-said');
    };
  }, [ref, segment, player]);
}
