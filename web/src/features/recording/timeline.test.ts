import { describe, expect, it } from 'vitest';
import type { Segment } from '@/api/types';
import { afterSilence, asText, countWords, lastAt, voices, wordAt } from './timeline';

function segment(start_time: number, end_time: number, speaker: string | null = null, text = 'a b'): Segment {
  const words = text.split(' ').map((word, index, all) => ({
    text: word,
    start_time: start_time + (index * (end_time - start_time)) / all.length,
    end_time,
    confidence: null,
  }));
  return { id: start_time, speaker, start_time, end_time, text, confidence: null, language: null, words };
}

describe('following the sound', () => {
  const segments = [segment(1, 3), segment(4, 6), segment(10, 12)];

  it.each([
    [0, -1],
    [1, 0],
    [3.5, 0],
    [4, 1],
    [99, 2],
  ])('at %s the segment is %s', (time, index) => expect(lastAt(segments, time)).toBe(index));

  it('a pause belongs to the word before it', () => {
    const { words } = segment(1, 3, null, 'one two');
    expect(wordAt(words, 0.5)).toBe(-1);
    expect(wordAt(words, 1.2)).toBe(0);
    expect(wordAt(words, 2.9)).toBe(1);
  });

  it('finds its place among 40,000 as among three', () => {
    const many = Array.from({ length: 40_000 }, (_, index) => ({ start_time: index / 2 }));
    expect(lastAt(many, 12_345.25)).toBe(24_690);
  });
});

describe('skipping silence', () => {
  it('goes on shortly before the next words, where the silence is worth it', () => {
    expect(afterSilence([segment(1, 3), segment(10, 12)], 4)).toBeCloseTo(9.75);
  });
  it('leaves breaths, the end, and what another voice still says', () => {
    expect(afterSilence([segment(1, 3), segment(4.2, 5)], 3.3)).toBeNull();
    expect(afterSilence([segment(1, 3)], 9)).toBeNull();
    expect(afterSilence([segment(1, 9), segment(2, 3), segment(20, 21)], 5)).toBeNull();
    expect(afterSilence([segment(1, 3), segment(10, 12)], 2)).toBeNull();
  });
  it('skips what comes before the first words', () => {
    expect(afterSilence([segment(10, 12)], 0)).toBeCloseTo(9.75);
    expect(afterSilence([], 0)).toBeNull();
  });
});

it('voices are counted in the order in which they speak', () => {
  const found = voices([segment(0, 3, 'left'), segment(3, 4, 'right'), segment(4, 6, 'left')]);
  expect(found.map(({ speaker, number, share }) => [speaker, number, share.toFixed(2)])).toEqual([
    ['left', 1, '0.83'],
    ['right', 2, '0.17'],
  ]);
  expect(voices([])).toEqual([]);
});

it('a voice keeps its colour when another comes before it', () => {
  const numbers = new Map<string | null, number>();
  voices([segment(0, 1, 'left'), segment(1, 2, 'right')], numbers);
  const found = voices([segment(0, 1, 'Anna'), segment(1, 2, 'right'), segment(2, 3, 'left')], numbers);
  expect(found.map(({ speaker, number }) => [speaker, number])).toEqual([
    ['Anna', 3],
    ['right', 2],
    ['left', 1],
  ]);
});

it('copies with names and times, or without', () => {
  const segments = [segment(0, 1, 'left', 'good morning'), segment(65, 66, null, ' hello ')];
  const name = (speaker: string | null) => speaker && 'Anna';
  expect(asText(segments, name, null)).toBe('Anna: good morning\nhello');
  expect(asText(segments, name, (seconds) => `${seconds}s`)).toBe('[0s] Anna: good morning\n[65s] hello');
  expect(countWords([...segments, { ...segment(1, 2), words: [], text: 'three more words' }])).toBe(
    2 + 3 + 3,
  );
});
