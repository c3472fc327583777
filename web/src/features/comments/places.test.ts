import { expect, it } from 'vitest';
import type { Comment } from '@/api/types';
import { transcript } from '@/features/editing/samples';
import { bySegment, inOrder, nearest } from './places';

function comment(id: string, at: number | null, resolved = false): Comment {
  const moment = `2026-01-01T00:00:0${id}Z`;
  return {
    id,
    by: 'ann',
    text: id,
    at,
    created_at: moment,
    changed_at: null,
    resolved_at: resolved ? moment : null,
  };
}

it('comments are in the order of the recording', () => {
  const said = [comment('1', 20), comment('2', null), comment('3', 5), comment('4', 5)];
  expect(inOrder(said).map(({ id }) => id)).toEqual(['2', '3', '4', '1']);
});

it('a comment belongs to what was said last before it', () => {
  const { segments } = transcript('a b', 'c d', 'e f');
  const said = [comment('1', 0), comment('2', 14), comment('3', 15), comment('4', 99), comment('5', null)];
  expect([...bySegment([...said, comment('6', 0, true)], segments)]).toEqual([
    [0, 1],
    [1, 2],
    [2, 1],
  ]);
  expect(bySegment(said, []).size).toBe(0);
});

it('a press near a mark means the mark', () => {
  expect(nearest([10, 12, 50], 11.4, 1)).toBe(12);
  expect(nearest([10, 12], 30, 5)).toBeNull();
});
