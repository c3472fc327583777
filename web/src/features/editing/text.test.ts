import { describe, expect, it } from 'vitest';
import type { Word } from '@/api/types';
import { differing } from './differing';
import { characterOfWord, clean, merge, retimed, wordOfCharacter } from './text';

function words(text: string): Word[] {
  return text.split(' ').map((each, index) => ({
    text: each,
    start_time: index,
    end_time: index + 1,
    confidence: 0.5,
  }));
}

const times = (found: Word[]) => found.map(({ text, start_time, end_time }) => [text, start_time, end_time]);

describe('words get times that are good enough until the server has spoken', () => {
  it('what is the same keeps its own', () => {
    expect(times(retimed(words('good morning everybody here'), 'Good evening, everybody here'))).toEqual([
      ['Good', 0, 1],
      ['evening,', 1, 2],
      ['everybody', 2, 3],
      ['here', 3, 4],
    ]);
  });
  it('what is put in shares the time of its neighbour', () => {
    const found = retimed(words('good morning'), 'good old morning');
    expect(found.map(({ text }) => text)).toEqual(['good', 'old', 'morning']);
    expect(found[2]).toMatchObject({ start_time: 1, end_time: 2 });
    expect(found[1]?.end_time).toBe(1);
    expect(retimed(words('morning'), 'good morning').map(({ text }) => text)).toEqual(['good', 'morning']);
  });
  it('what goes leaves a gap, and nothing comes of nothing', () => {
    expect(times(retimed(words('a b c'), 'a c'))).toEqual([
      ['a', 0, 1],
      ['c', 2, 3],
    ]);
    expect(retimed([], 'some text')).toEqual([]);
    expect(retimed(words('a'), '')).toEqual([]);
  });
});

describe('two people change one text', () => {
  const base = 'we met in march to talk about the house';
  it('in different places: both', () => {
    const both = merge(
      base,
      'we met in May to talk about the house',
      'we met in march to talk about the horse',
    );
    expect(both).toEqual({ text: 'we met in May to talk about the horse', clean: true });
    expect(merge(base, `Well, ${base}`, `${base} again`)).toEqual({
      text: `Well, ${base} again`,
      clean: true,
    });
    expect(merge(base, base.replace(' about', ''), base).text).toBe(base.replace(' about', ''));
    expect(merge(base, base.replace('we', 'We'), base.replace('house', 'house.')).text).toBe(
      'We met in march to talk about the house.',
    );
  });
  it('in the same place: mine stays, and it is said', () => {
    const both = merge(base, base.replace('march', 'May'), base.replace('march', 'June'));
    expect(both).toEqual({ text: base.replace('march', 'May'), clean: false });
  });
  it('in the same way: once', () => {
    const both = base.replace('march', 'May');
    expect(merge(base, both, both)).toEqual({ text: both, clean: true });
  });
});

it('characters and words find each other', () => {
  expect(clean('  a \n b\t')).toBe('a b');
  expect([0, 1, 2, 3, 4].map((at) => wordOfCharacter('ab cd', at))).toEqual([0, 0, 0, 1, 1]);
  expect([0, 1, 2].map((index) => characterOfWord('ab cd', index))).toEqual([0, 3, 5]);
});

it('the history shows what differs, and a little around it', () => {
  const before = 'one two three four five six seven eight nine ten eleven twelve';
  expect(differing(before, before.replace('six', 'SIX'))).toEqual({
    head: '… two three four five ',
    old: 'six',
    now: 'SIX',
    tail: ' seven eight nine ten …',
  });
  expect(differing('a b', 'a b c')).toEqual({ head: 'a b ', old: '', now: 'c', tail: '' });
  expect(differing('a b', 'b')).toEqual({ head: '', old: 'a', now: '', tail: ' b' });
});
