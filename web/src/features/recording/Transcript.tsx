import { defaultRangeExtractor, type Range, useWindowVirtualizer } from '@tanstack/react-virtual';
import {
  type KeyboardEvent,
  type MouseEvent,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import type { Segment } from '@/api/types';
import type { Desk } from '@/features/editing/desk';
import type { Hit } from '@/features/editing/search';
import { characterOfWord } from '@/features/editing/text';
import type { Bench } from '@/features/editing/useBench';
import type { Command } from './keys';
import { Line } from './Line';
import type { Player } from './player';
import { type Names, speakerName } from './speakers';
import { lastAt, type Voice } from './timeline';

interface TranscriptProps {
  segments: readonly Segment[];
  voices: readonly Voice[];
  names: Names;
  player: Player | null;
  tint: boolean;
  /** Whether the page scrolls with the sound. */
  following: boolean;
  onScrolledAway: () => void;
  desk: Desk | null;
  editable: boolean;
  version: number;
  bench: Bench;
  found: ReadonlyMap<number, Hit[]>;
  hit: Hit | null;
  comments: ReadonlyMap<number, number>;
  onCommand: (command: Command) => void;
  onComments: (id: number) => void;
}

/** The text, of which only what can be seen is there; it follows the sound, and a word clicked is heard. */
export function Transcript(props: TranscriptProps) {
  const { segments, voices, names, player, tint, following, desk, editable, bench, found, hit } = props;
  const { hands, editing, focus, selected } = bench;
  const ref = useRef<HTMLDivElement>(null);
  const [offset, setOffset] = useState(0);
  useLayoutEffect(() => {
    const place = () => setOffset((ref.current?.getBoundingClientRect().top ?? 0) + window.scrollY);
    place();
    const watch = new ResizeObserver(place);
    watch.observe(document.body);
    return () => watch.disconnect();
  }, []);
  const places = useMemo(() => new Map(segments.map(({ id }, index) => [id, index])), [segments]);
  const placeOf = (id: number | null | undefined) => (id == null ? undefined : places.get(id));
  const real = (id: number) => desk?.numbers.real(id) ?? id;
  const focused = focus ? placeOf(real(focus.id)) : undefined;
  const kept = [placeOf(editing?.id), focused].filter((place) => place !== undefined);
  // Another function would be another list to the virtualizer, which would measure all of it anew.
  const getItemKey = useCallback(
    (index: number) => {
      const id = segments[index]?.id ?? index;
      return desk?.numbers.nameOf(id) ?? id;
    },
    [segments, desk],
  );
  const virtual = useWindowVirtualizer({
    count: segments.length,
    estimateSize: (index) => 34 + Math.ceil((segments[index]?.text.length ?? 0) / 70) * 30,
    overscan: 6,
    scrollMargin: offset,
    scrollPaddingStart: 96,
    scrollPaddingEnd: 144,
    getItemKey,
    // What has the focus stays, wherever it is, or the focus would be lost.
    rangeExtractor: (range: Range) =>
      [...new Set([...defaultRangeExtractor(range), ...kept])].sort((a, b) => a - b),
  });
  const numbers = useMemo(() => new Map(voices.map((voice) => [voice.speaker, voice.number])), [voices]);
  const active = useActive(segments, player);

  useLayoutEffect(() => {
    if (!following || active < 0 || editing) return;
    const calm = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    virtual.scrollToIndex(active, { align: 'center', behavior: calm ? 'auto' : 'smooth' });
  }, [active, following, editing, virtual]);
  useScrolledAway(props.onScrolledAway);

  const now = useRef({ focused, looked: undefined as number | undefined });
  now.current = { focused, looked: bench.look ? placeOf(real(bench.look.id)) : undefined };
  // Both are wishes: each is granted once, and not again as the text moves.
  useLayoutEffect(() => {
    const { focused } = now.current;
    if (!focus || focused === undefined) return;
    virtual.scrollToIndex(focused, { align: 'auto' });
    // The row may be there only after the scrolling.
    const frame = requestAnimationFrame(() =>
      ref.current
        ?.querySelector<HTMLElement>(`[data-index="${focused}"] > [data-segment]`)
        ?.focus({ preventScroll: true }),
    );
    return () => cancelAnimationFrame(frame);
  }, [focus, virtual]);
  useLayoutEffect(() => {
    const { looked } = now.current;
    if (bench.look && looked !== undefined) virtual.scrollToIndex(looked, { align: 'center' });
  }, [bench.look, virtual]);
  const opened = placeOf(editing?.id);
  useLayoutEffect(() => {
    if (opened !== undefined) virtual.scrollToIndex(opened, { align: 'auto' });
  }, [opened, virtual]);

  const mouse = useMouse(props);
  const items = virtual.getVirtualItems();
  const shown = (place: number | undefined) =>
    place !== undefined && items.some(({ index }) => index === place);
  const current = shown(focused) ? focused : shown(active) ? active : items[0]?.index;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the rows have what is needed; words are a finer target
    <div
      ref={ref}
      {...mouse}
      onKeyDown={(event) => editable && pressed(event, props)}
      data-selecting={selected.size > 0 || undefined}
      className="relative"
      style={{ height: virtual.getTotalSize() }}
    >
      {items.map((item) => {
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
              hands={hands}
              current={item.index === current}
              selected={selected.has(segment.id)}
              editable={editable}
              open={editing?.id === segment.id ? editing : null}
              version={editing?.id === segment.id ? props.version : 0}
              hits={found.get(segment.id)}
              hit={hit?.segment === segment.id ? hit : null}
              comments={props.comments.get(segment.id) ?? 0}
              onCommand={props.onCommand}
              onComments={props.onComments}
            />
          </div>
        );
      })}
    </div>
  );
}

/** The segment that is being said; -1 before anything is heard. */
function useActive(segments: readonly Segment[], player: Player | null): number {
  const [active, setActive] = useState(-1);
  useEffect(() => {
    if (!player) return;
    return player.onTime((time) => {
      const heard = time > 0 || player.get().playing;
      setActive(heard ? lastAt(segments, time) : -1);
    });
  }, [player, segments]);
  return active;
}

function useScrolledAway(onScrolledAway: () => void): void {
  useEffect(() => {
    const ends = new AbortController();
    const { signal } = ends;
    window.addEventListener('wheel', onScrolledAway, { passive: true, signal });
    window.addEventListener('touchmove', onScrolledAway, { passive: true, signal });
    return () => ends.abort();
  }, [onScrolledAway]);
}

/** A click on a word plays it, two open it at this word. */
function useMouse({ player, editable, bench }: TranscriptProps) {
  const { hands } = bench;
  const wasPlaying = useRef(false);
  const onClick = useCallback(
    (event: MouseEvent<HTMLElement>) => {
      const place = (event.target as HTMLElement).closest<HTMLElement>('[data-at]')?.dataset.at;
      // A selection is made to be copied, not to be played.
      if (place === undefined || !player || !window.getSelection()?.isCollapsed) return;
      if (event.detail < 2) wasPlaying.current = player.get().playing;
      player.playFrom(Number(place));
    },
    [player],
  );
  const onDoubleClick = useCallback(
    (event: MouseEvent<HTMLElement>) => {
      const target = event.target as HTMLElement;
      const row = target.closest<HTMLElement>('[data-segment]');
      if (!editable || !row || !target.closest('[data-text]')) return;
      window.getSelection()?.removeAllRanges();
      // The first click has begun to play: whoever only wants to write goes back to silence.
      if (player && !wasPlaying.current) player.pause();
      const words = [...row.querySelectorAll('[data-text] > .word')];
      const word = words.indexOf(target);
      const from = characterOfWord(words.map((each) => each.textContent).join(' '), word);
      // The word is chosen, so that what is typed stands in its place.
      const caret = word < 0 ? 'end' : { from, to: from + (target.textContent ?? '').length };
      hands.edit(Number(row.dataset.segment), caret);
    },
    [editable, player, hands],
  );
  return { onClick, onDoubleClick };
}

/** Keys on a row that has the focus. */
function pressed(event: KeyboardEvent<HTMLElement>, { bench }: TranscriptProps): void {
  const row = event.target as HTMLElement;
  const id = Number(row.dataset.segment);
  if (row.dataset.segment === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  const { hands, selected } = bench;
  const byKeys = row.matches(':focus-visible');
  if (event.key === 'Enter' || (event.key === 'F2' && byKeys)) hands.edit(id);
  else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    hands.step(id, event.key === 'ArrowDown' ? 1 : -1, event.shiftKey);
  } else if (event.key === 'Delete') hands.remove(selected.size > 0 ? [...selected] : [id]);
  else if (event.key === 'x') hands.select(id, false);
  else if (event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey)) {
    row.querySelector<HTMLElement>('[data-menu]')?.click();
  } else return;
  event.preventDefault();
}
