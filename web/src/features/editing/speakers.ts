/** What to change so that somebody else speaks. */
import type { Change, Segment } from '@/api/types';

type Given = Readonly<Record<string, string>>;
const AT_ONCE = 5000;

/** Another name for a speaker, everywhere. A name that somebody has already makes one speaker out of two. */
export function renamed(
  segments: readonly Segment[],
  names: Given,
  speaker: string | null,
  name: string,
): Change[] {
  if (speaker !== null && (names[speaker] ?? speaker) === name) return [];
  const label = labelOf(segments, names, name);
  const theirs = segments.filter((segment) => segment.speaker === speaker).map(({ id }) => id);
  if (speaker !== null && (label === null || label === speaker)) {
    return [{ op: 'rename', speaker, name: name === speaker ? null : name }];
  }
  return inTurns(theirs, label ?? name);
}

/** Somebody else in these segments: by the label of who is known already, or by a name. */
export function assigned(
  segments: readonly Segment[],
  names: Given,
  ids: readonly number[],
  who: string | null,
): Change[] {
  const label = who === null ? null : (labelOf(segments, names, who) ?? who);
  const wanted = new Set(ids);
  const others = segments.filter((segment) => wanted.has(segment.id) && segment.speaker !== label);
  return inTurns(
    others.map(({ id }) => id),
    label,
  );
}

function inTurns(ids: readonly number[], speaker: string | null): Change[] {
  const turns = Math.ceil(ids.length / AT_ONCE);
  return Array.from({ length: turns }, (_, turn) => ({
    op: 'speaker' as const,
    segments: ids.slice(turn * AT_ONCE, (turn + 1) * AT_ONCE),
    speaker,
  }));
}

/** The label of the speaker who has this name, or whose label it is; null where nobody has. */
function labelOf(segments: readonly Segment[], names: Given, name: string): string | null {
  const labels = new Set(segments.map(({ speaker }) => speaker));
  const byName = Object.keys(names).find((label) => names[label] === name && labels.has(label));
  if (byName !== undefined) return byName;
  return labels.has(name) ? name : null;
}
