/** Where in a transcript a moment is. */
import type { Segment, Word } from '@/api/types';

/** The last of these that begins at or before `time`; -1 where none does. They are in the order of time. */
export function lastAt(items: readonly { start_time: number }[], time: number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((items[middle] as { start_time: number }).start_time <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The word that is being said at `time`; a pause belongs to the word before it. */
export function wordAt(words: readonly Word[], time: number): number {
  return lastAt(words, time);
}

const GAP = 1.2;
const RUN_UP = 0.25;

/** Where to go on when nothing is said at `time` for a while; null where something is, or nothing more comes. */
export function afterSilence(segments: readonly Segment[], time: number): number | null {
  // Two voices may overlap: silence is where all that has begun has ended.
  const index = lastAt(segments, time);
  for (let back = Math.max(0, index - 4); back <= index; back += 1) {
    if ((segments[back] as Segment).end_time + RUN_UP >= time) return null;
  }
  const next = segments[index + 1];
  if (!next || next.start_time - time < GAP) return null;
  return next.start_time - RUN_UP;
}

export interface Voice {
  speaker: string | null;
  /** Counted from 1, in the order of their first words; it picks the colour. */
  number: number;
  seconds: number;
  share: number;
}

const COLOURS = 8;

/**
 * Who speaks, and how much of all that is said. `numbers` are those given before: who has one keeps it, and with
 * it the colour, whoever comes to speak first.
 */
export function voices(
  segments: readonly Segment[],
  numbers: Map<string | null, number> = new Map(),
): Voice[] {
  const seconds = new Map<string | null, number>();
  for (const segment of segments) {
    const more = Math.max(0, segment.end_time - segment.start_time);
    seconds.set(segment.speaker, (seconds.get(segment.speaker) ?? 0) + more);
  }
  const all = [...seconds.values()].reduce((sum, value) => sum + value, 0);
  for (const speaker of seconds.keys()) {
    if (!numbers.has(speaker)) numbers.set(speaker, (numbers.size % COLOURS) + 1);
  }
  return [...seconds].map(([speaker, value]) => ({
    speaker,
    number: numbers.get(speaker) ?? 1,
    seconds: value,
    share: all > 0 ? value / all : 0,
  }));
}

export function countWords(segments: readonly Segment[]): number {
  return segments.reduce(
    (sum, { words, text }) => sum + (words.length || text.split(/\s+/).filter(Boolean).length),
    0,
  );
}

/** Below this an engine's word is worth a second look. */
export const UNSURE = 0.6;

/** The transcript as text for the clipboard. */
export function asText(
  segments: readonly Segment[],
  nameOf: (speaker: string | null) => string | null,
  clock: ((seconds: number) => string) | null,
): string {
  const lines = segments.map((segment) => {
    const name = nameOf(segment.speaker);
    const head = [clock ? `[${clock(segment.start_time)}]` : null, name ? `${name}:` : null];
    return [...head, segment.text.trim()].filter((part) => part !== null).join(' ');
  });
  return lines.join('\n');
}
