/**
 * Where edits lie until the server has them: in this browser, so that a closed tab or a dead network loses none.
 * Each tab has a place of its own; one that finds the places of tabs that are gone takes over what lies there.
 */
import type { Change, Segment } from '@/api/types';

export interface Restoring {
  /** The version whose edit is taken back, or the key of one that has none yet. */
  undo: number | string;
  /** What it puts back, as far as it is known: segments by id, null for one that goes. */
  segments: [number, Segment | null][];
}

/** An edit that the server does not have yet. */
export interface Entry {
  /** Sent along, so that an edit whose answer was lost is not made twice. */
  key: string;
  /** The version that it was made on. */
  made: number;
  /** Versions that others have made since of the segments that it names. */
  hits: number[];
  /** The version with which it was sent before; sent again, it must be the same request. */
  sent: number | null;
  changes: Change[] | null;
  restoring: Restoring | null;
  /** The segments that it names, as they were. */
  was: [number, Pick<Segment, 'text' | 'start_time' | 'end_time' | 'speaker'>][];
  /** The numbers that it gave to the segments that it made, until the server gives them theirs. */
  fresh: number[];
}

const PREFIX = 'tiro.edits';
const TAB = 'tiro.tab';

export interface Store {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
  key(index: number): string | null;
  readonly length: number;
}

function entries(text: string | null): Entry[] {
  try {
    const found: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(found) ? (found as Entry[]) : [];
  } catch {
    return [];
  }
}

/** What a user has not sent yet of a recording, from one tab. */
export class Shelf {
  private readonly place: string;

  constructor(
    private readonly store: Store,
    private readonly userId: string,
    private readonly recordingId: string,
    tab: string,
  ) {
    this.place = `${PREFIX}/${userId}/${recordingId}/${tab}`;
  }

  /** False where the browser keeps nothing: then they are in this page alone. */
  keep(kept: readonly Entry[]): boolean {
    try {
      if (kept.length === 0) this.store.removeItem(this.place);
      else this.store.setItem(this.place, JSON.stringify(kept));
      return true;
    } catch {
      return false;
    }
  }

  /** What lies here, and in the places of tabs that are gone, which are emptied. */
  take(isGone: (tab: string) => boolean): Entry[] {
    const found = entries(this.store.getItem(this.place));
    const others = `${PREFIX}/${this.userId}/${this.recordingId}/`;
    for (const key of keys(this.store)) {
      if (!key.startsWith(others) || key === this.place || !isGone(key.slice(others.length))) continue;
      found.push(...entries(this.store.getItem(key)));
      this.store.removeItem(key);
    }
    this.keep(found);
    return found;
  }
}

function keys(store: Store): string[] {
  return Array.from({ length: store.length }, (_, index) => store.key(index) ?? '');
}

/** The recordings of which a user has edits in this browser that were not sent. */
export function recordingsWithEdits(store: Store, userId: string): string[] {
  const mine = `${PREFIX}/${userId}/`;
  const found = keys(store).filter((key) => key.startsWith(mine));
  return [...new Set(found.map((key) => key.slice(mine.length).split('/')[0] as string))];
}

/** A name that nobody else has. `crypto.randomUUID` is not there on plain http. */
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

let tab: Promise<{ name: string; isGone: (other: string) => boolean }> | null = null;

/** This tab's name, which it keeps when it is loaded again, and which tabs there are no more. */
export function thisTab(): Promise<{ name: string; isGone: (other: string) => boolean }> {
  tab ??= findTab();
  return tab;
}

async function findTab(): Promise<{ name: string; isGone: (other: string) => boolean }> {
  let name = sessionStorage.getItem(TAB) ?? randomKey();
  // Without locks nobody knows who is alive. Edits that two tabs send are made once all the same: by their keys.
  if (!navigator.locks) return { name, isGone: () => true };
  // A tab that was duplicated has the other's name.
  if (!(await hold(name))) {
    name = randomKey();
    await hold(name);
  }
  sessionStorage.setItem(TAB, name);
  const { held = [] } = await navigator.locks.query();
  const alive = new Set(held.map((lock) => lock.name));
  return { name, isGone: (other) => !alive.has(`${TAB}.${other}`) };
}

/** Hold this tab's name until the page goes; false where another has it. */
function hold(name: string): Promise<boolean> {
  return new Promise((answer) => {
    void navigator.locks.request(`${TAB}.${name}`, { ifAvailable: true }, (lock) => {
      answer(lock !== null);
      return lock ? new Promise<never>(() => undefined) : undefined;
    });
  });
}
