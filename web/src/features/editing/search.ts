/** Find in a transcript, by the rules by which the server replaces. */
import type { Segment } from '@/api/types';

export interface Wanted {
  find: string;
  matchCase: boolean;
  wholeWords: boolean;
}

export interface Hit {
  segment: number;
  /** Characters of the segment's text. */
  start: number;
  end: number;
}

/** What is looked for, as an expression; null where that is nothing. */
export function expression({ find, matchCase, wholeWords }: Wanted): RegExp | null {
  if (find === '') return null;
  const letters = '[\\p{L}\\p{N}_]';
  const plain = find.replace(/[\\^$.*+?()[\]{}|/-]/gu, '\\$&');
  const source = wholeWords ? `(?<!${letters})${plain}(?!${letters})` : plain;
  return new RegExp(source, matchCase ? 'gu' : 'giu');
}

export function hits(segments: readonly Segment[], wanted: Wanted): Hit[] {
  const pattern = expression(wanted);
  if (!pattern) return [];
  const found: Hit[] = [];
  for (const { id, text } of segments) {
    for (const match of text.matchAll(pattern)) {
      found.push({ segment: id, start: match.index, end: match.index + match[0].length });
    }
  }
  return found;
}

/** A text with what was found in it replaced. */
export function replaced(text: string, wanted: Wanted, by: string): string {
  const pattern = expression(wanted);
  return pattern ? text.replace(pattern, () => by) : text;
}

/** The first hit at or after a place in the order of `segments`; the first of all where none is. */
export function hitFrom(found: readonly Hit[], order: ReadonlyMap<number, number>, segment: number): number {
  const from = order.get(segment) ?? 0;
  const next = found.findIndex((hit) => (order.get(hit.segment) ?? 0) >= from);
  return Math.max(0, next);
}
