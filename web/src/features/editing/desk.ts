/**
 * A transcript on which people work: what the server has, what was done here and is not there yet, and what
 * others do meanwhile. Edits go to the server one after the other, in their order; what is shown has all of them.
 */

import { ApiError, Unreachable } from '@/api/errors';
import type { Change, Edit, EditConflict, Edited, Segment, Transcript, TwoTexts } from '@/api/types';
import { applied, makes, renumbered, restored, touched } from './changes';
import { type Choice, chosen } from './conflict';
import { Numbers } from './numbers';
import { type Entry, randomKey } from './shelf';

/** The server, as far as edits need it. */
export interface Server {
  edit(version: number, changes: Change[], key: string): Promise<Edited>;
  undo(version: number, key: string): Promise<Edited>;
  /** The edits after a version, oldest first; null where the transcript has to be read anew. */
  since(version: number): Promise<Edit[] | null>;
  read(): Promise<Transcript>;
}

export interface Keeper {
  keep(entries: readonly Entry[]): boolean;
}

/** What keeps an edit from being made; the ones after it wait. */
export type Trouble =
  | { kind: 'conflict'; entry: Entry; conflicts: TwoTexts[] }
  /** The edit was refused, or its transcript is no more. */
  | { kind: 'refused'; entry: Entry; message: string };

export interface DeskState {
  transcript: Transcript;
  waiting: number;
  /** Whether the server could not be reached when it was last tried. */
  away: boolean;
  trouble: Trouble | null;
  canUndo: boolean;
  canRedo: boolean;
}

interface Made {
  version: number;
  segments: [number, Segment | null][];
  speakers: (now: Record<string, string>) => Record<string, string>;
  /** The entry that it is of; null where somebody else made it. */
  entry: Entry | null;
}

const FIRST_MS = 1000;
const LONGEST_MS = 15_000;

export class Desk {
  readonly numbers = new Numbers();
  private base: Transcript;
  private entries: Entry[];
  private readonly early = new Map<number, Made>();
  private readonly versions = new Map<string, number>();
  private readonly inverses = new Map<number, [number, Segment | null][]>();
  private readonly strangers = new Map<number, number[]>();
  private undos: string[] = [];
  private redos: (string | Entry)[] = [];
  private readonly listeners = new Set<() => void>();
  private state: DeskState;
  private trouble: Trouble | null = null;
  private busy = false;
  private away = false;
  private wait = FIRST_MS;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Told whenever what the server has is known to be another. */
  onBase: (transcript: Transcript) => void = () => undefined;
  /** Told of what could not be taken back. */
  onRefusal: (message: string) => void = () => undefined;

  constructor(
    transcript: Transcript,
    private readonly server: Server,
    private readonly keeper: Keeper,
    left: readonly Entry[] = [],
  ) {
    this.base = transcript;
    this.entries = [...left];
    for (const { fresh } of left) this.numbers.taken(fresh);
    this.state = this.look();
    if (left.length > 0) void this.begin();
  }

  readonly get = (): DeskState => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  get version(): number {
    return this.base.version;
  }

  segment(id: number): Segment | undefined {
    const real = this.numbers.real(id);
    return this.state.transcript.segments.find((segment) => segment.id === real);
  }

  /** Make an edit, and get the numbers of the segments that it makes. `since` is the version that a person saw
   * when they began with it, `began` the text that they began with. */
  edit(changes: Change[], since: number = this.base.version, began: string | null = null): number[] {
    if (changes.length === 0) return [];
    this.redos = [];
    const next = changes.map((change) => renumbered(change, (id) => this.numbers.real(id)));
    if (this.joined(next)) return [];
    const entry = this.entry(next, null, since);
    if (began !== null) entry.was = entry.was.map(([id, was]) => [id, { ...was, text: began }]);
    this.undos.push(entry.key);
    this.add(entry);
    return entry.fresh;
  }

  undo(): void {
    const key = this.undos.pop();
    if (key === undefined) return;
    const last = this.entries.at(-1);
    if (last?.key === key && last.sent === null && last.changes) {
      // Nobody has heard of it yet.
      this.entries = this.entries.slice(0, -1);
      this.redos.push(last);
      this.changed();
      return;
    }
    this.redos.push(this.takeBack(key));
  }

  redo(): void {
    const back = this.redos.pop();
    if (back === undefined) return;
    if (typeof back === 'string') {
      this.undos.push(this.takeBack(back));
      return;
    }
    const entry = { ...back, key: randomKey(), made: this.base.version, hits: [] };
    this.undos.push(entry.key);
    this.add(entry);
  }

  /** Take back the edit that made a version, whoever made it. */
  takeBackVersion(edit: Edit): void {
    this.redos = [];
    const segments = edit.segments.map(({ id, before }): [number, Segment | null] => [id, before]);
    const entry = this.entry(null, { undo: edit.version, segments }, this.base.version);
    this.undos.push(entry.key);
    this.add(entry);
  }

  /** Somebody has made an edit; those of this tab come back as well, and are known again. */
  heard(edit: Edit): void {
    const { version } = edit;
    if (version <= this.base.version || this.early.get(version)?.entry) return;
    const segments = edit.segments.map(({ id, after }): [number, Segment | null] => [id, after]);
    const speakers = (now: Record<string, string>) => {
      const next = { ...now };
      for (const { speaker, after } of edit.names) {
        if (after === null) delete next[speaker];
        else next[speaker] = after;
      }
      return next;
    };
    this.early.set(version, { version, segments, speakers, entry: null });
    // It may be the one that is under way: its answer says so.
    if (!this.busy) void this.advance(version).catch(() => undefined);
  }

  /** The transcript was read as a whole. An older one is of no use. */
  async read(transcript: Transcript): Promise<void> {
    if (transcript.version <= this.base.version) return;
    if (this.entries.length > 0) await this.noteHits();
    this.setBase(transcript);
  }

  /** Go on after a conflict. Of `choices` there is one for each segment. */
  resolve(choices: ReadonlyMap<number, Choice>): void {
    const { trouble } = this;
    if (trouble?.kind !== 'conflict') return;
    const { entry } = trouble;
    const changes = (entry.changes ?? []).flatMap((change) =>
      chosen(change, entry, trouble.conflicts, choices),
    );
    const next = { ...entry, changes, key: randomKey(), made: this.base.version, hits: [], sent: null };
    this.undos = this.undos.map((key) => (key === entry.key ? next.key : key));
    this.entries = changes.length > 0 ? [next, ...this.entries.slice(1)] : this.entries.slice(1);
    this.trouble = null;
    this.changed();
    void this.send();
  }

  /** Give up the edit that cannot be made. */
  drop(): void {
    if (!this.trouble) return;
    const { entry } = this.trouble;
    this.undos = this.undos.filter((key) => key !== entry.key);
    this.entries = this.entries.filter(({ key }) => key !== entry.key);
    this.trouble = null;
    this.changed();
    void this.send();
  }

  /** Try at once, as there is reason to think that the server is back. */
  retry(): void {
    if (!this.away) return;
    clearTimeout(this.timer);
    void this.send();
  }

  close(): void {
    clearTimeout(this.timer);
    this.listeners.clear();
  }

  private async begin(): Promise<void> {
    try {
      await this.noteHits();
      await this.send();
    } catch {
      this.later();
    }
  }

  /** More of the same segment's text belongs to the edit before, where nobody has heard of that yet. */
  private joined(changes: Change[]): boolean {
    const last = this.entries.at(-1);
    const [one, before] = [changes[0], last?.changes?.[0]];
    if (!last || last.sent !== null || last.changes?.length !== 1 || changes.length !== 1) return false;
    if (one?.op !== 'text' || before?.op !== 'text' || one.segment !== before.segment) return false;
    this.entries = [...this.entries.slice(0, -1), { ...last, changes }];
    this.changed();
    return true;
  }

  private entry(changes: Change[] | null, restoring: Entry['restoring'], since: number): Entry {
    const ids = new Set(changes?.flatMap(touched) ?? []);
    const was = this.state.transcript.segments.flatMap((segment): Entry['was'] => {
      if (!ids.has(segment.id)) return [];
      const { text, start_time, end_time, speaker } = segment;
      return [[segment.id, { text, start_time, end_time, speaker }]];
    });
    const hits = [...ids].flatMap((id) =>
      (this.strangers.get(id) ?? []).filter((version) => version > since),
    );
    const count = changes?.reduce((sum, change) => sum + makes(change), 0) ?? 0;
    const fresh = Array.from({ length: count }, () => this.numbers.fresh());
    const made = hits.length > 0 ? since : this.base.version;
    return { key: randomKey(), made, hits, sent: null, changes, restoring, was, fresh };
  }

  private takeBack(key: string): string {
    const version = this.versions.get(key);
    const segments = version === undefined ? [] : (this.inverses.get(version) ?? []);
    const entry = this.entry(null, { undo: version ?? key, segments }, this.base.version);
    this.add(entry);
    return entry.key;
  }

  private add(entry: Entry): void {
    this.entries = [...this.entries, entry];
    this.changed();
    void this.send();
  }

  private async send(): Promise<void> {
    clearTimeout(this.timer);
    while (!this.busy && !this.trouble && this.entries.length > 0) {
      const entry = { ...(this.entries[0] as Entry) };
      entry.sent ??= entry.hits.length > 0 ? entry.made : this.base.version;
      this.entries = [entry, ...this.entries.slice(1)];
      this.keeper.keep(this.entries);
      this.busy = true;
      try {
        const edited = await this.ask(entry);
        this.away = false;
        this.wait = FIRST_MS;
        await this.succeeded(entry, edited);
      } catch (error) {
        await this.failed(entry, error);
        this.takeIn();
        return;
      } finally {
        this.busy = false;
      }
    }
    this.takeIn();
  }

  private async ask(entry: Entry): Promise<Edited | null> {
    if (entry.changes) return this.server.edit(entry.sent as number, entry.changes, entry.key);
    const undo = entry.restoring?.undo;
    const version = typeof undo === 'string' ? this.versions.get(undo) : undo;
    return version === undefined ? null : this.server.undo(version, entry.key);
  }

  private async succeeded(entry: Entry, edited: Edited | null): Promise<void> {
    const version = edited?.version ?? this.base.version;
    if (!edited || version <= this.base.version) {
      // It changed nothing, or had been heard of before: as if somebody else had made it.
      const mine = (hit: number) => hit === version && edited !== null;
      this.entries = this.entries
        .slice(1)
        .map((each) => ({ ...each, hits: each.hits.filter((hit) => !mine(hit)) }));
      if (edited) {
        this.versions.set(entry.key, version);
        this.recognise(
          entry,
          edited.segments.map(({ id }) => id),
          this.base.version,
        );
      }
      this.changed();
      return;
    }
    this.versions.set(entry.key, version);
    const segments: Made['segments'] = [
      ...edited.segments.map((segment): [number, Segment] => [segment.id, segment]),
      ...edited.removed.map((id): [number, null] => [id, null]),
    ];
    this.early.set(version, { version, segments, speakers: () => edited.speakers, entry });
    await this.advance(version);
  }

  private async failed(entry: Entry, error: unknown): Promise<void> {
    if (error instanceof ApiError && error.code === 'edit_conflict' && entry.changes) {
      try {
        await this.catchUp();
      } catch {
        return this.later();
      }
      const { conflicts = [] } = error.body as EditConflict;
      const fresh = { ...entry, sent: null, key: entry.key };
      this.trouble =
        conflicts.length > 0
          ? { kind: 'conflict', entry: fresh, conflicts }
          : { kind: 'refused', entry: fresh, message: error.message };
      this.changed();
      return;
    }
    if (isFinal(error)) {
      if (entry.restoring) {
        this.entries = this.entries.slice(1);
        this.onRefusal(error.message);
        this.changed();
        this.timer = setTimeout(() => void this.send());
        return;
      }
      this.trouble = { kind: 'refused', entry, message: error.message };
      this.changed();
      return;
    }
    this.later(error instanceof ApiError ? error.retryAfter : null);
  }

  private later(seconds: number | null = null): void {
    this.away = true;
    this.timer = setTimeout(() => void this.send(), seconds === null ? this.wait : seconds * 1000);
    this.wait = Math.min(this.wait * 2, LONGEST_MS);
    this.changed();
  }

  /** Take in what has come, in the order of versions; `to` is one that must be reached. */
  private async advance(to = 0): Promise<void> {
    this.takeIn();
    if (this.base.version < Math.max(to, 0)) {
      await this.catchUp();
      this.takeIn();
    }
    this.changed();
  }

  private takeIn(): void {
    for (const version of this.early.keys()) if (version <= this.base.version) this.early.delete(version);
    for (;;) {
      const made = this.early.get(this.base.version + 1);
      if (!made) return;
      this.early.delete(made.version);
      this.absorb(made);
    }
  }

  private absorb(made: Made): void {
    const known = new Map(this.base.segments.map((segment) => [segment.id, segment]));
    this.inverses.set(
      made.version,
      made.segments.map(([id]) => [id, known.get(id) ?? null]),
    );
    if (made.entry) {
      const { key } = made.entry;
      this.entries = this.entries.filter((entry) => entry.key !== key);
      this.recognise(
        made.entry,
        made.segments.map(([id]) => id),
        made.version,
      );
    } else {
      const ids = new Set(made.segments.map(([id]) => id));
      for (const id of ids) this.strangers.set(id, [...(this.strangers.get(id) ?? []), made.version]);
      this.entries = this.entries.map((entry) =>
        names(entry, ids) ? { ...entry, hits: [...entry.hits, made.version] } : entry,
      );
    }
    const next = restored(this.base, new Map(made.segments));
    this.setBase({ ...next, version: made.version, speakers: made.speakers(this.base.speakers) });
  }

  /** An edit of this tab is made: those after it are on top of it, and know its segments by their real numbers. */
  private recognise(entry: Entry, ids: readonly number[], version: number): void {
    const known = new Set(entry.changes?.flatMap(touched));
    const born = ids.filter((id) => !known.has(id)).sort((a, b) => a - b);
    for (const [place, id] of entry.fresh.entries()) {
      const real = born[place];
      if (real === undefined) continue;
      this.numbers.learn(id, real);
    }
    this.entries = this.entries.map((each) => ({
      ...each,
      made: each.hits.length > 0 ? each.made : version,
      changes: each.changes?.map((change) => renumbered(change, (id) => this.numbers.real(id))) ?? null,
      was: each.was.map(([id, was]): Entry['was'][number] => [this.numbers.real(id), was]),
    }));
  }

  private async catchUp(): Promise<void> {
    const edits = await this.server.since(this.base.version);
    if (edits === null) {
      this.setBase(await this.server.read());
      return;
    }
    const busy = this.busy;
    this.busy = true; // that these are not taken in one by one
    for (const edit of edits) this.heard(edit);
    this.busy = busy;
    this.takeIn();
  }

  /** Find out who changed, since they were made, what the edits are about that lie here. */
  private async noteHits(): Promise<void> {
    const oldest = Math.min(...this.entries.map(({ made }) => made));
    const edits = await this.server.since(oldest);
    this.entries = this.entries.map((entry) => {
      const since = (edits ?? []).filter(
        ({ version, segments }) =>
          version > entry.made && names(entry, new Set(segments.map(({ id }) => id))),
      );
      const hits = [...new Set([...entry.hits, ...since.map(({ version }) => version)])];
      // Of another transcript nothing is known: the server will say that it is a conflict.
      return edits === null ? { ...entry, hits: [entry.made] } : { ...entry, hits };
    });
  }

  private setBase(transcript: Transcript): void {
    this.base = transcript;
    this.onBase(transcript);
    this.changed();
  }

  private changed(): void {
    this.keeper.keep(this.entries);
    this.state = this.look();
    for (const listener of this.listeners) listener();
  }

  private look(): DeskState {
    let transcript = this.base;
    for (const entry of this.entries) {
      const fresh = [...entry.fresh];
      const next = () => fresh.shift() ?? this.numbers.fresh();
      for (const change of entry.changes ?? []) transcript = applied(transcript, change, next);
      if (entry.restoring) transcript = restored(transcript, new Map(entry.restoring.segments));
    }
    return {
      transcript,
      waiting: this.entries.length,
      away: this.away,
      trouble: this.trouble,
      canUndo: this.undos.length > 0,
      canRedo: this.redos.length > 0,
    };
  }
}

function names(entry: Entry, ids: ReadonlySet<number>): boolean {
  return entry.changes?.some((change) => touched(change).some((id) => ids.has(id))) ?? false;
}

/** Whether asking again would bring the same answer. */
function isFinal(error: unknown): error is ApiError {
  if (error instanceof Unreachable || !(error instanceof ApiError)) return false;
  if (error.code === 'request_under_way') return false;
  return error.status >= 400 && error.status < 500 && ![401, 408, 429].includes(error.status);
}
