import { describe, expect, it } from 'vitest';
import type { Segment, Transcript } from '@/api/types';
import { applied, halved, restored } from './changes';
import { segment, transcript } from './samples';
import { hitFrom, hits } from './search';

const texts = ({ segments }: Transcript) => segments.map(({ text }) => text);
let lowest = -1;
const fresh = () => lowest--;

describe('what is shown before the server has answered', () => {
  const three = transcript('one two', 'three four five', 'six');

  it('a text, and the rows around it are the same objects', () => {
    const after = applied(three, { op: 'text', segment: 1, text: ' three  4 five ' }, fresh);
    expect(texts(after)).toEqual(['one two', 'three 4 five', 'six']);
    expect(after.segments[0]).toBe(three.segments[0]);
    expect(texts(three)[1]).toBe('three four five');
  });

  it('split and merged it is as it was', () => {
    const split = applied(three, { op: 'split', segment: 1, at: 6 }, fresh);
    expect(texts(split)).toEqual(['one two', 'three', 'four five', 'six']);
    const [first, second] = [split.segments[1], split.segments[2]] as [Segment, Segment];
    expect(second.id).toBeLessThan(0);
    expect([first.end_time, second.start_time]).toEqual([11, 11]);
    const merged = applied(split, { op: 'merge', first: first.id, second: second.id }, fresh);
    expect(merged.segments).toEqual(three.segments);
  });

  it('a split inside of a word begins with the next, and none is empty', () => {
    expect(halved(segment(0, 'one two'), 1)?.[1].text).toBe('two');
    expect(halved(segment(0, 'one two'), 0)).toBeNull();
    expect(halved(segment(0, 'one two'), 5)).toBeNull();
    expect(halved({ ...segment(0, 'one two'), words: [] }, 4)?.[1].start_time).toBe(1);
  });

  it('speakers, here and everywhere', () => {
    const here = applied(three, { op: 'speaker', segments: [0, 2], speaker: 'Anna' }, fresh);
    expect(here.segments.map(({ speaker }) => speaker)).toEqual(['Anna', 'left', 'Anna']);
    const named = applied(three, { op: 'rename', speaker: 'left', name: 'Bea' }, fresh);
    expect(named.speakers).toEqual({ left: 'Bea' });
    expect(applied(named, { op: 'rename', speaker: 'left', name: null }, fresh).speakers).toEqual({});
  });

  it('what goes can be put back in its place', () => {
    const gone = applied(three, { op: 'delete', segments: [1] }, fresh);
    expect(texts(gone)).toEqual(['one two', 'six']);
    const back = restored(gone, new Map([[1, three.segments[1] as Segment]]));
    expect(back.segments).toEqual(three.segments);
    expect(texts(restored(back, new Map([[0, null]])))).toEqual(['three four five', 'six']);
  });

  it('what is put in stands where it is said', () => {
    const more = { start_time: 5, end_time: 6, text: 'hm', speaker: null };
    expect(texts(applied(three, { op: 'insert', ...more }, fresh))[1]).toBe('hm');
  });
});

describe('find and replace', () => {
  const some = transcript('The cat sat. Cat!', 'concatenate', 'a+b costs $1', 'straße');
  const wanted = { find: 'cat', matchCase: false, wholeWords: true };

  it('whole words, or parts of them; case, or not', () => {
    expect(hits(some.segments, wanted).map(({ segment, start }) => [segment, start])).toEqual([
      [0, 4],
      [0, 13],
    ]);
    expect(hits(some.segments, { ...wanted, matchCase: true })).toHaveLength(1);
    expect(hits(some.segments, { ...wanted, wholeWords: false })).toHaveLength(3);
    expect(hits(some.segments, { ...wanted, find: '' })).toEqual([]);
  });

  it('signs are signs, and letters of other alphabets are letters', () => {
    expect(hits(some.segments, { ...wanted, find: 'a+b' })).toHaveLength(1);
    expect(hits(some.segments, { ...wanted, find: '$1', wholeWords: false })).toHaveLength(1);
    expect(hits(some.segments, { ...wanted, find: 'stra' })).toHaveLength(0);
  });

  it('all at once, a sign of the replacement is no command, and an emptied segment goes', () => {
    const change = {
      op: 'replace',
      find: 'cat',
      replace: '$&dog',
      match_case: false,
      whole_words: true,
    } as const;
    expect(texts(applied(some, change, fresh))[0]).toBe('The $&dog sat. $&dog!');
    const all = { ...change, find: 'concatenate', replace: '' };
    expect(texts(applied(some, all, fresh))).toHaveLength(3);
  });

  it('goes on from where one is, and round', () => {
    const found = hits(some.segments, { ...wanted, wholeWords: false });
    const order = new Map(some.segments.map(({ id }, index) => [id, index]));
    expect([0, 1, 2].map((from) => hitFrom(found, order, from))).toEqual([0, 2, 0]);
  });
});
