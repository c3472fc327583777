import type { Recording, RecordingPage } from '@/api/types';

/** A page in which one recording is as it was told now; the same page where it is not in it. */
export function withRecording(page: RecordingPage, recording: Recording): RecordingPage {
  const place = page.items.findIndex((item) => item.session_id === recording.session_id);
  if (place < 0) return page;
  const items = page.items.slice();
  items[place] = recording;
  return { ...page, items };
}

/** Whether what a person sees depends on the order or number of recordings, and not just on one of them. */
export function movesBetweenLists(before: Recording | undefined, after: Recording): boolean {
  return before?.status !== after.status || before.held !== after.held;
}

/** Rows of a list, of which both are shown. */
export interface Range {
  first: number;
  last: number;
}

/** The range as it is now, or as it was where that takes the same pages: a list that scrolls says where it is at
 * every row, and what surrounds it need not hear of it. */
export function nextRange(before: Range, now: Range, size: number): Range {
  const page = (row: number) => Math.floor(row / size);
  const same = page(before.first) === page(now.first) && page(before.last) === page(now.last);
  return same ? before : now;
}

/** The pages, counted from 0, that hold these rows, and one more on either side. */
export function pagesFor(first: number, last: number, size: number, total: number): number[] {
  const most = Math.max(0, Math.ceil(total / size) - 1);
  const from = Math.max(0, Math.floor(first / size));
  const to = Math.min(most, Math.floor(Math.max(first, last) / size));
  return Array.from({ length: Math.max(0, to - from) + 1 }, (_, index) => from + index);
}
