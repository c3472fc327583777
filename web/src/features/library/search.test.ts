import { expect, it } from 'vitest';
import { countFilters, librarySearch, wantedOf } from './search';

it('takes from an address what it knows, and nothing else', () => {
  const search = {
    status: 'eaten',
    order: 'oldest',
    title: 7,
    tag: ['a', 'a', '', 5, {}],
    language: '',
    speaker: ' ',
    since: '2026-02-31',
    until: '2026-01-31',
    held: 'false',
    other: 'x',
  };
  // The 31st of February is a day that a calendar takes for the 3rd of March: what the browser makes of it.
  const found = librarySearch({ ...search, since: 'yesterday' });
  expect(found).toEqual({ order: 'oldest', title: '7', tag: ['a', '5'], until: '2026-01-31' });
  expect(librarySearch({ tag: 'one' })).toEqual({ tag: ['one'] });
  expect(librarySearch({ held: 'true' })).toEqual({ held: true });
  expect(wantedOf(librarySearch({ held: true })).held).toBe(true);
});

it('the last day is among them', () => {
  const { since, before } = wantedOf({ since: '2026-01-31', until: '2026-01-31' });
  expect(Date.parse(before ?? '') - Date.parse(since ?? '')).toBe(24 * 3600 * 1000);
});

it('counts each tag, and not the order', () => {
  expect(countFilters({ order: 'title' })).toBe(0);
  expect(countFilters({ tag: ['a', 'b'], status: 'failed', title: 'x', order: 'title' })).toBe(4);
});
