import { expect, it } from 'vitest';
import { changed, cleanTag, tagsOf } from './tags';

const recordings = [
  { session_id: 'a', tags: ['Board', '2026'] },
  { session_id: 'b', tags: ['board'] },
  { session_id: 'c', tags: [] },
];

it('counts tags whatever their case', () => {
  expect(tagsOf(recordings)).toEqual([
    { name: '2026', count: 1 },
    { name: 'Board', count: 2 },
  ]);
});

it('puts and takes tags, and touches only what then differs', () => {
  expect(changed(recordings, ['BOARD'], [])).toEqual([{ id: 'c', tags: ['BOARD'] }]);
  expect(changed(recordings, ['new'], ['BOARD'])).toEqual([
    { id: 'a', tags: ['2026', 'new'] },
    { id: 'b', tags: ['new'] },
    { id: 'c', tags: ['new'] },
  ]);
  expect(changed(recordings, [], ['absent'])).toEqual([]);
});

it('a tag is kept with single spaces', () => {
  expect(cleanTag('  sales \n calls ')).toBe('sales calls');
  expect(cleanTag(' \t')).toBeNull();
  expect(cleanTag('x'.repeat(60))).toHaveLength(50);
});
