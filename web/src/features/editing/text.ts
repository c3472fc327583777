/** Words: which of a text are which of another, and when they are said. */
import type { Word } from '@/api/types';

/** A text as the server keeps it: one space between words, none around them. */
export function clean(text: string): string {
  return text.replace(/\s+/gu, ' ').trim();
}

export function tokens(text: string): string[] {
  return text.split(/\s+/u).filter(Boolean);
}

/** By which a word is known again when its case or its punctuation is another. */
function known(word: string): string {
  return word.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '') || word;
}

/**
 * The words of another text, with times good enough to follow the sound until the server has given them theirs:
 * what is the same at both ends keeps its time, what is between shares the rest by length.
 */
export function retimed(words: readonly Word[], text: string): Word[] {
  const next = tokens(text);
  if (words.length === 0 || next.length === 0) return [];
  const most = Math.min(words.length, next.length);
  const same = (old: number, now: number) => known((words[old] as Word).text) === known(next[now] as string);
  let head = 0;
  while (head < most && same(head, head)) head += 1;
  let tail = 0;
  while (tail < most - head && same(words.length - 1 - tail, next.length - 1 - tail)) tail += 1;
  // What was only put in has no time of its own: it shares that of a neighbour.
  if (head + tail === words.length && head + tail < next.length) {
    if (head > 0) head -= 1;
    else tail -= 1;
  }
  const kept = (word: Word, now: number) => ({ ...word, text: next[now] as string });
  const before = words.slice(0, head).map((word, place) => kept(word, place));
  const after = words.slice(words.length - tail).map((word, place) => kept(word, next.length - tail + place));
  const gap = words.slice(head, words.length - tail);
  const fresh = next.slice(head, next.length - tail);
  return [...before, ...spread(fresh, gap), ...after];
}

function spread(texts: readonly string[], gap: readonly Word[]): Word[] {
  const [first, last] = [gap[0], gap.at(-1)];
  if (!first || !last) return [];
  const total = texts.reduce((sum, text) => sum + text.length, 0);
  const span = last.end_time - first.start_time;
  let done = 0;
  return texts.map((text) => {
    const start_time = first.start_time + (span * done) / total;
    done += text.length;
    return { text, start_time, end_time: first.start_time + (span * done) / total, confidence: null };
  });
}

/** In which word, counted from 0, a character of a text is; a space belongs to the word before it. */
export function wordOfCharacter(text: string, at: number): number {
  return Math.max(0, tokens(text.slice(0, at + 1)).length - 1);
}

/** The character with which a word begins; the end of the text where there are not so many. */
export function characterOfWord(text: string, index: number): number {
  let seen = -1;
  for (const found of text.matchAll(/\S+/gu)) {
    seen += 1;
    if (seen === index) return found.index;
  }
  return text.length;
}

export interface Merged {
  text: string;
  /** Whether no word was changed by both. */
  clean: boolean;
}

/** What two people made of one text, put together. Where both changed the same words, the first one's stay. */
export function merge(base: string, mine: string, theirs: string): Merged {
  const [old, ours, others] = [tokens(base), tokens(mine), tokens(theirs)];
  const toOurs = matches(old, ours);
  const toOthers = matches(old, others);
  const out: string[] = [];
  let isClean = true;
  let [from, ourFrom, otherFrom] = [0, 0, 0];
  for (let place = 0; place <= old.length; place += 1) {
    // Stretches end where both still have the same word of the base, and at the end of all.
    const our = place < old.length ? toOurs[place] : ours.length;
    const other = place < old.length ? toOthers[place] : others.length;
    if (our === undefined || other === undefined) continue;
    const was = old.slice(from, place).join(' ');
    const we = ours.slice(ourFrom, our).join(' ');
    const they = others.slice(otherFrom, other).join(' ');
    if (we !== was && they !== was && we !== they) isClean = false;
    out.push(we === was ? they : we);
    if (place < old.length) {
      // The same word, but its case or its punctuation may be another.
      const [word, theirWord] = [ours[our] as string, others[other] as string];
      if (word !== old[place] && theirWord !== old[place] && word !== theirWord) isClean = false;
      out.push(word === old[place] ? theirWord : word);
    }
    [from, ourFrom, otherFrom] = [place + 1, our + 1, other + 1];
  }
  return { text: clean(out.join(' ')), clean: isClean };
}

/** For each word of `before`, which word of `after` it became: a longest common subsequence. */
function matches(before: readonly string[], after: readonly string[]): (number | undefined)[] {
  const [rows, columns] = [before.length, after.length];
  const width = columns + 1;
  const best = new Uint16Array((rows + 1) * width);
  const at = (row: number, column: number) => best[row * width + column] as number;
  const [old, now] = [before.map(known), after.map(known)];
  for (let row = rows - 1; row >= 0; row -= 1) {
    for (let column = columns - 1; column >= 0; column -= 1) {
      best[row * width + column] =
        old[row] === now[column]
          ? at(row + 1, column + 1) + 1
          : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const found: (number | undefined)[] = new Array(rows).fill(undefined);
  for (let row = 0, column = 0; row < rows && column < columns; ) {
    if (old[row] === now[column]) {
      found[row] = column;
      row += 1;
      column += 1;
    } else if (at(row + 1, column) >= at(row, column + 1)) row += 1;
    else column += 1;
  }
  return found;
}
