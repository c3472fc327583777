import { beforeEach, describe, expect, it } from 'vitest';
import type { Recording, RecordingPage } from '@/api/types';
import { forget, note, pace } from './pace';
import { movesBetweenLists, nextRange, pagesFor, withRecording } from './pages';

const recording = (id: string, status: Recording['status'] = 'running') =>
  ({ session_id: id, status, title: id }) as Recording;

describe('pages', () => {
  it.each([
    [0, 20, 100, 10_000, [0]],
    [90, 120, 100, 10_000, [0, 1]],
    [9_990, 9_999, 100, 10_000, [99]],
    [0, 0, 100, 0, [0]],
  ])('rows %s to %s of pages of %s among %s are on %s', (first, last, size, total, pages) =>
    expect(pagesFor(first, last, size, total)).toEqual(pages),
  );

  it('a range is another only where it takes other pages', () => {
    const before = { first: 10, last: 30 };
    expect(nextRange(before, { first: 60, last: 99 }, 100)).toBe(before);
    expect(nextRange(before, { first: 80, last: 100 }, 100)).toEqual({ first: 80, last: 100 });
    expect(nextRange({ first: 99, last: 120 }, { first: 100, last: 121 }, 100).first).toBe(100);
  });

  it('one recording is put in its place, and another page is left as it is', () => {
    const page = {
      items: [recording('a'), recording('b')],
      total: 2,
      limit: 100,
      offset: 0,
    } as RecordingPage;
    const changed = withRecording(page, recording('b', 'completed'));
    expect(changed.items.map(({ status }) => status)).toEqual(['running', 'completed']);
    expect(withRecording(page, recording('c'))).toBe(page);
    expect(movesBetweenLists(page.items[1], recording('b', 'completed'))).toBe(true);
    expect(movesBetweenLists(page.items[1], recording('b'))).toBe(false);
  });
});

describe('pace', () => {
  beforeEach(() => forget('a'));

  it('is known after two positions', () => {
    note('a', 0, 0);
    expect(pace('a', 100)).toBeNull();
    note('a', 20, 2000);
    expect(pace('a', 100)).toEqual({ speed: 10, left: 8 });
    expect(pace('a', null)?.left).toBeNull();
  });

  it('begins anew where the work does, and survives what says nothing new', () => {
    note('a', 50, 0);
    note('a', 60, 1000);
    note('a', 60, 5000);
    expect(pace('a', 100)?.speed).toBe(10);
    note('a', 5, 6000);
    expect(pace('a', 100)).toBeNull();
  });
});
