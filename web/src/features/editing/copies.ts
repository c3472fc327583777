/** A transcript, or some of it, as text for the clipboard. */
import type { Segment } from '@/api/types';

type NameOf = (speaker: string | null) => string | null;

/** The address of a second of a recording. */
export function linkTo(page: string, seconds: number): string {
  const address = new URL(page);
  address.search = '';
  address.hash = '';
  address.searchParams.set('t', String(Math.floor(seconds * 10) / 10));
  return address.href;
}

/** What was said, by whom, and where to hear it. */
export function quote(
  segments: readonly Segment[],
  nameOf: NameOf,
  clock: (seconds: number) => string,
  page: string,
): string {
  return turns(segments)
    .map((turn) => {
      const [first] = turn as [Segment];
      const text = turn.map((segment) => segment.text.trim()).join(' ');
      const who = [nameOf(first.speaker), clock(first.start_time)].filter((part) => part !== null);
      return `“${text}”\n— ${who.join(', ')}, ${linkTo(page, first.start_time)}`;
    })
    .join('\n\n');
}

/** Segments that one voice says after one another. */
function turns(segments: readonly Segment[]): Segment[][] {
  const found: Segment[][] = [];
  for (const segment of segments) {
    const last = found.at(-1);
    if (last && last[0]?.speaker === segment.speaker) last.push(segment);
    else found.push([segment]);
  }
  return found;
}
