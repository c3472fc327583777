/** Where two texts differ, in whole words, with a few that are the same around it. */
import { tokens } from './text';

const AROUND = 4;

export interface Differing {
  head: string;
  old: string;
  now: string;
  tail: string;
}

export function differing(before: string, after: string): Differing {
  const [old, now] = [tokens(before), tokens(after)];
  const most = Math.min(old.length, now.length);
  let same = 0;
  while (same < most && old[same] === now[same]) same += 1;
  let end = 0;
  while (end < most - same && old[old.length - 1 - end] === now[now.length - 1 - end]) end += 1;
  const from = Math.max(0, same - AROUND);
  const to = Math.min(now.length, now.length - end + AROUND);
  const head = now.slice(from, same).join(' ');
  const tail = now.slice(now.length - end, to).join(' ');
  return {
    head: `${from > 0 ? '… ' : ''}${head}${head ? ' ' : ''}`,
    old: old.slice(same, old.length - end).join(' '),
    now: now.slice(same, now.length - end).join(' '),
    tail: `${tail ? ' ' : ''}${tail}${to < now.length ? ' …' : ''}`,
  };
}
