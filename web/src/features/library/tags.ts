/** Tags: how those of many recordings are changed together. */

export const LONGEST_TAG = 50;

export interface Tagged {
  session_id: string;
  tags: readonly string[];
}

const folded = (tag: string) => tag.toLowerCase();

/** A tag as it is kept: with single spaces; null where it is none. */
export function cleanTag(text: string): string | null {
  const plain = text.replace(/\s+/g, ' ').trim().slice(0, LONGEST_TAG);
  return plain === '' ? null : plain;
}

/** All tags that any of them has, each once, and how many have it. */
export function tagsOf(recordings: readonly Tagged[]): { name: string; count: number }[] {
  const found = new Map<string, { name: string; count: number }>();
  for (const { tags } of recordings) {
    for (const name of tags) {
      const before = found.get(folded(name));
      found.set(folded(name), { name: before?.name ?? name, count: (before?.count ?? 0) + 1 });
    }
  }
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name));
}

/** What each has once some are put to all of them and some taken away; only those that then differ. */
export function changed(
  recordings: readonly Tagged[],
  added: readonly string[],
  removed: readonly string[],
): { id: string; tags: string[] }[] {
  const gone = new Set(removed.map(folded));
  return recordings
    .map(({ session_id: id, tags }) => {
      const kept = tags.filter((tag) => !gone.has(folded(tag)));
      const has = new Set(kept.map(folded));
      return { id, before: tags, tags: [...kept, ...added.filter((tag) => !has.has(folded(tag)))] };
    })
    .filter(({ before, tags }) => before.length !== tags.length || before.some((tag, at) => tag !== tags[at]))
    .map(({ id, tags }) => ({ id, tags }));
}
