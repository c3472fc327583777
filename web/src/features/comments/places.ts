/** Where in a recording its comments are. */
import type { Comment, Segment } from '@/api/types';
import { lastAt } from '@/features/recording/timeline';

export function inOrder(comments: readonly Comment[]): Comment[] {
  return [...comments].sort(
    (a, b) => (a.at ?? -1) - (b.at ?? -1) || a.created_at.localeCompare(b.created_at),
  );
}

/** How many open comments each segment has. What is said before the first one belongs to it. */
export function bySegment(
  comments: readonly Comment[],
  segments: readonly Segment[],
): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  for (const { at, resolved_at } of comments) {
    if (at === null || resolved_at !== null) continue;
    const segment = segments[Math.max(0, lastAt(segments, at))];
    if (segment) found.set(segment.id, (found.get(segment.id) ?? 0) + 1);
  }
  return found;
}

/** The comment that is meant by a press so near to it; null where none is. */
export function nearest(times: readonly number[], time: number, reach: number): number | null {
  let best: number | null = null;
  for (const each of times) {
    if (Math.abs(each - time) <= reach && (best === null || Math.abs(each - time) < Math.abs(best - time))) {
      best = each;
    }
  }
  return best;
}
