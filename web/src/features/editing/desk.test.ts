import { describe, expect, it, vi } from 'vitest';
import { ApiError, Unreachable } from '@/api/errors';
import type { Change, Edit, Edited, Segment, Transcript } from '@/api/types';
import { applied, restored, touched } from './changes';
import { Desk, type Server } from './desk';
import { transcript } from './samples';
import { type Entry, recordingsWithEdits, Shelf, type Store } from './shelf';

/** A server as ours is, with one transcript: versions, conflicts, and answers that are replayed by their key. */
class House implements Server {
  readonly edits: Edit[] = [];
  private readonly answers = new Map<string, Edited>();
  private next = 100;
  down = false;
  /** The next answer is lost on its way. */
  losing = false;
  asked = 0;

  constructor(public now: Transcript) {}

  async edit(version: number, changes: Change[], key: string): Promise<Edited> {
    this.asked += 1;
    await Promise.resolve();
    if (this.down) throw new Unreachable();
    let answer = this.answers.get(key);
    if (!answer) {
      const named = new Set(changes.flatMap(touched));
      const found = this.edits
        .filter((edit) => edit.version > version)
        .flatMap(({ segments }) => segments.map(({ id }) => id));
      const conflicts = [...new Set(found)]
        .filter((id) => named.has(id))
        .map((id) => ({
          segment: id,
          yours: null,
          theirs: this.now.segments.find((each) => each.id === id)?.text ?? null,
        }));
      if (conflicts.length > 0) throw new ApiError(409, 'edit_conflict', 'No.', null, { conflicts });
      answer = this.make(changes);
      this.answers.set(key, answer);
    }
    if (this.losing) {
      this.losing = false;
      throw new Unreachable();
    }
    return answer;
  }

  async undo(version: number): Promise<Edited> {
    const edit = this.edits.find((each) => each.version === version) as Edit;
    return this.turn(restored(this.now, new Map(edit.segments.map(({ id, before }) => [id, before]))));
  }

  async since(version: number): Promise<Edit[]> {
    if (this.down) throw new Unreachable();
    return this.edits.filter((edit) => edit.version > version);
  }

  async read(): Promise<Transcript> {
    return this.now;
  }

  make(changes: Change[]): Edited {
    return this.turn(changes.reduce((now, change) => applied(now, change, () => this.next++), this.now));
  }

  private turn(after: Transcript): Edited {
    const before = new Map(this.now.segments.map((each) => [each.id, each]));
    const now = new Map(after.segments.map((each) => [each.id, each]));
    const ids = [...new Set([...before.keys(), ...now.keys()])].filter(
      (id) => before.get(id) !== now.get(id),
    );
    const version = this.now.version + 1;
    const head = { version, at: '2026-01-01T00:00:00Z', by: 'ann', undoes: null, names: [] };
    const side = (from: Map<number, Segment>, id: number) => from.get(id) ?? null;
    const segments = ids.map((id) => ({ id, before: side(before, id), after: side(now, id) }));
    this.edits.push({ ...head, segments });
    this.now = { ...after, version };
    return {
      version,
      segments: segments.flatMap((each) => each.after ?? []),
      removed: segments.flatMap((each) => (each.after ? [] : [each.id])),
      speakers: after.speakers,
    };
  }
}

const nowhere = { keep: () => true };
const text = (id: number, said: string): Change => ({ op: 'text', segment: id, text: said });
const shown = (desk: Desk) => desk.get().transcript.segments.map((each) => each.text);
const quiet = (desk: Desk) => vi.waitFor(() => expect(desk.get().waiting).toBe(0));

function open(...texts: string[]): { house: House; desk: Desk } {
  const house = new House(transcript(...texts));
  return { house, desk: new Desk(house.now, house, nowhere) };
}

describe('what is done is shown at once', () => {
  it('and is there when the server has it', async () => {
    const { house, desk } = open('one', 'two');
    desk.edit([text(0, 'ONE')]);
    expect([shown(desk), desk.get().waiting]).toEqual([['ONE', 'two'], 1]);
    await quiet(desk);
    expect(house.now.segments[0]?.text).toBe('ONE');
    expect(desk.version).toBe(2);
  });

  it('edits of one segment on top of each other are no conflict', async () => {
    const { house, desk } = open('one', 'two');
    for (const said of ['a', 'a b', 'a b c']) {
      desk.edit([text(0, said)]);
      await Promise.resolve();
    }
    await quiet(desk);
    expect(house.now.segments[0]?.text).toBe('a b c');
    expect(desk.get().trouble).toBeNull();
  });

  it('a segment that was split keeps its name when the server gives it its number', async () => {
    const { house, desk } = open('one two', 'three');
    desk.edit([{ op: 'split', segment: 0, at: 4 }]);
    const half = desk.get().transcript.segments[1] as Segment;
    expect(half.id).toBeLessThan(0);
    desk.edit([text(half.id, '2')]);
    await quiet(desk);
    expect(house.now.segments.map((each) => each.text)).toEqual(['one', '2', 'three']);
    expect(desk.numbers.real(half.id)).toBe(100);
    expect(desk.numbers.nameOf(100)).toBe(half.id);
    expect(desk.segment(half.id)?.text).toBe('2');
  });
});

describe('undo and redo', () => {
  it('of what the server has', async () => {
    const { house, desk } = open('one', 'two');
    desk.edit([text(0, 'ONE')]);
    await quiet(desk);
    desk.undo();
    expect(shown(desk)).toEqual(['one', 'two']);
    await quiet(desk);
    expect(house.now.segments[0]?.text).toBe('one');
    expect([desk.get().canUndo, desk.get().canRedo]).toEqual([false, true]);
    desk.redo();
    await quiet(desk);
    expect(house.now.segments[0]?.text).toBe('ONE');
    desk.undo();
    await quiet(desk);
    expect(shown(desk)).toEqual(['one', 'two']);
  });

  it('of what nobody has heard of asks nobody', async () => {
    const { house, desk } = open('one', 'two');
    house.down = true;
    desk.edit([text(0, 'ONE')]);
    await vi.waitFor(() => expect(desk.get().away).toBe(true));
    desk.edit([text(1, 'TWO')]);
    desk.undo();
    expect(shown(desk)).toEqual(['ONE', 'two']);
    desk.redo();
    expect(shown(desk)).toEqual(['ONE', 'TWO']);
    house.down = false;
    desk.retry();
    await quiet(desk);
    expect(house.now.segments.map((each) => each.text)).toEqual(['ONE', 'TWO']);
  });

  it('of another’s edit, out of the history', async () => {
    const { house, desk } = open('one', 'two');
    house.make([text(1, 'theirs')]);
    const [edit] = house.edits;
    desk.heard(edit as Edit);
    desk.takeBackVersion(edit as Edit);
    await quiet(desk);
    expect(house.now.segments[1]?.text).toBe('two');
  });
});

describe('two people', () => {
  it('what the other does follows, whatever is under way here', async () => {
    const { house, desk } = open('one', 'two', 'three');
    desk.edit([text(0, 'ONE')]);
    house.make([text(2, 'THREE')]);
    for (const edit of house.edits) desk.heard(edit);
    await quiet(desk);
    for (const edit of house.edits) desk.heard(edit);
    expect(shown(desk)).toEqual(['ONE', 'two', 'THREE']);
    expect(desk.version).toBe(3);
    expect(house.now.segments.map((each) => each.text)).toEqual(shown(desk));
  });

  it.each([
    ['mine', 'mine'],
    ['theirs', 'theirs'],
    [{ text: 'both' }, 'both'],
  ] as const)('of the same segment: %j', async (choice, expected) => {
    const { house, desk } = open('one', 'two');
    house.make([text(0, 'theirs')]);
    desk.edit([text(0, 'mine')]);
    await vi.waitFor(() => expect(desk.get().trouble?.kind).toBe('conflict'));
    // What is behind it waits.
    desk.edit([text(1, 'TWO')]);
    expect(house.now.segments[1]?.text).toBe('two');
    desk.resolve(new Map([[0, choice]]));
    await quiet(desk);
    expect(house.now.segments.map((each) => each.text)).toEqual([expected, 'TWO']);
    expect(shown(desk)).toEqual([expected, 'TWO']);
  });

  it('what was begun before the other’s edit is a conflict, though it ended after', async () => {
    const { house, desk } = open('one', 'two');
    const since = desk.version;
    house.make([text(0, 'theirs')]);
    desk.heard(house.edits[0] as Edit);
    desk.edit([text(0, 'mine')], since);
    await vi.waitFor(() => expect(desk.get().trouble?.kind).toBe('conflict'));
    expect(house.now.segments[0]?.text).toBe('theirs');
  });

  it('a text for a segment that is gone comes back as one of its own', async () => {
    const { house, desk } = open('one', 'two');
    house.make([{ op: 'delete', segments: [0] }]);
    desk.edit([text(0, 'mine')]);
    await vi.waitFor(() => expect(desk.get().trouble?.kind).toBe('conflict'));
    desk.resolve(new Map([[0, 'mine']]));
    await quiet(desk);
    expect(house.now.segments.map((each) => each.text)).toEqual(['mine', 'two']);
  });
});

describe('a network that is down', () => {
  it('loses nothing, doubles nothing, and keeps the order', async () => {
    const { house, desk } = open('one two', 'three');
    house.losing = true;
    desk.edit([{ op: 'split', segment: 0, at: 4 }]);
    desk.edit([text(0, 'ONE')]);
    await vi.waitFor(() => expect(desk.get().away).toBe(true));
    // It was made, though nobody was told; the stream of changes tells of it as of anybody's.
    desk.heard(house.edits[0] as Edit);
    desk.retry();
    await quiet(desk);
    expect(house.now.segments.map((each) => each.text)).toEqual(['ONE', 'two', 'three']);
    expect(shown(desk)).toEqual(['ONE', 'two', 'three']);
    expect(desk.get().trouble).toBeNull();
  });

  it('edits that were kept are sent when the page is there again', async () => {
    const store = new Memory();
    const house = new House(transcript('one', 'two'));
    house.down = true;
    const before = new Desk(house.now, house, new Shelf(store, 'ann', 'r', 'tab'));
    before.edit([text(0, 'ONE')]);
    before.edit([text(1, 'TWO')]);
    await vi.waitFor(() => expect(before.get().away).toBe(true));
    before.close();
    expect(recordingsWithEdits(store, 'ann')).toEqual(['r']);
    expect(recordingsWithEdits(store, 'bob')).toEqual([]);

    house.down = false;
    house.make([text(1, 'theirs')]);
    const shelf = new Shelf(store, 'ann', 'r', 'another tab');
    expect(new Shelf(store, 'ann', 'r', 'third').take((tab) => tab !== 'tab')).toEqual([]);
    const left = shelf.take((tab) => tab === 'tab');
    const after = new Desk(house.now, house, shelf, left);
    expect(shown(after)).toEqual(['ONE', 'TWO']);
    await vi.waitFor(() => expect(after.get().trouble?.kind).toBe('conflict'));
    expect(house.now.segments.map((each) => each.text)).toEqual(['ONE', 'theirs']);
    after.resolve(new Map([[1, 'mine']]));
    await quiet(after);
    expect(recordingsWithEdits(store, 'ann')).toEqual([]);
    expect(house.now.segments.map((each) => each.text)).toEqual(['ONE', 'TWO']);
  });
});

it('an edit that is refused can be dropped, and the ones behind it go on', async () => {
  const { house, desk } = open('one', 'two');
  const edit = house.edit.bind(house);
  vi.spyOn(house, 'edit').mockImplementationOnce(async () => {
    throw new ApiError(422, 'invalid_request', 'There is no such segment.');
  });
  desk.edit([text(0, 'ONE')]);
  await vi.waitFor(() => expect(desk.get().trouble?.kind).toBe('refused'));
  vi.mocked(house.edit).mockImplementation(edit);
  desk.edit([text(1, 'TWO')]);
  desk.drop();
  await quiet(desk);
  expect(shown(desk)).toEqual(['one', 'TWO']);
});

it('what lies in storage may be anything', () => {
  const store = new Memory();
  store.setItem('tiro.edits/ann/r/tab', '{"not": "a list"}');
  expect(new Shelf(store, 'ann', 'r', 'tab').take(() => true)).toEqual([]);
  const full = new Shelf({ ...store, length: 0, setItem: refuse } as unknown as Store, 'ann', 'r', 'tab');
  expect(full.keep([{ key: '1' } as Entry])).toBe(false);
});

function refuse(): never {
  throw new DOMException('full', 'QuotaExceededError');
}

class Memory implements Store {
  private readonly items = new Map<string, string>();
  getItem = (key: string) => this.items.get(key) ?? null;
  setItem = (key: string, value: string) => void this.items.set(key, value);
  removeItem = (key: string) => void this.items.delete(key);
  key = (index: number) => [...this.items.keys()][index] ?? null;
  get length(): number {
    return this.items.size;
  }
}
