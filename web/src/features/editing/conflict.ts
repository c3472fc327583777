import type { Change, TwoTexts } from '@/api/types';
import { touched } from './changes';
import type { Entry } from './shelf';

/** What is chosen where two have changed one segment: a text, or one of the sides. */
export type Choice = 'mine' | 'theirs' | { text: string };

/** What becomes of a change once it is chosen, by segment, which side holds; nothing where it is theirs. */
export function chosen(
  change: Change,
  entry: Entry,
  conflicts: readonly TwoTexts[],
  choices: ReadonlyMap<number, Choice>,
): Change[] {
  const ids = touched(change);
  const found = conflicts.filter(({ segment }) => ids.includes(segment));
  if (found.length === 0) return [change];
  const [first] = found;
  const choice = first && choices.get(first.segment);
  if (!first || choice === undefined || choice === 'theirs') return [];
  const text = typeof choice === 'object' ? choice.text : change.op === 'text' ? change.text : null;
  if (first.theirs !== null) {
    if (change.op === 'text' && text !== null) return [{ ...change, text }];
    return found.every(({ theirs }) => theirs !== null) ? [change] : [];
  }
  // The segment is gone: the text comes back as one of its own.
  const was = new Map(entry.was).get(first.segment);
  if (text === null || !was) return [];
  const { start_time, end_time, speaker } = was;
  return [{ op: 'insert', start_time, end_time, text, speaker }];
}
