/** What people can do to the segments of a transcript; rows keep hold of it, so it stays the same object. */
import type { Change, Segment } from '@/api/types';
import type { Player } from '@/features/recording/player';
import type { Desk } from './desk';
import { clean } from './text';

/** Where the cursor is put: at a character, at an end of the text, or around a word. */
export type Caret = number | 'start' | 'end' | { from: number; to: number };

/** A segment that somebody types in. */
export interface Open {
  id: number;
  caret: Caret;
}

export interface Place {
  id: number;
  /** What on the page it is about, to open beside it. */
  element: HTMLElement;
}

export interface Asking extends Place {
  /** The segments for which the answer holds, where it holds only here. */
  ids: number[];
}

/** What the hands work on, as it is now. */
export interface Table {
  desk: Desk | null;
  player: Player | null;
  segments: readonly Segment[];
  selected: ReadonlySet<number>;
  /** The segment that was chosen last, from which a selection is stretched. */
  anchor: number | null;
}

export interface Setters {
  editing: (to: Open | null | ((before: Open | null) => Open | null)) => void;
  focus: (id: number | null) => void;
  look: (id: number) => void;
  selected: (ids: ReadonlySet<number>, anchor: number | null) => void;
  menu: (place: Place | null) => void;
  asking: (asking: Asking | null) => void;
  removed: (count: number) => void;
}

export class Hands {
  constructor(
    private readonly table: () => Table,
    private readonly set: Setters,
  ) {}

  edit(id: number, caret: Caret = 'end'): void {
    if (this.table().desk) this.set.editing({ id, caret });
  }

  /** Give a segment another text; one without words is deleted. False where nothing is to be done. */
  commit(id: number, text: string, since: number, began: string, emptyToo = true): boolean {
    const { desk } = this.table();
    const segment = desk?.segment(id);
    const cleaned = clean(text);
    if (!desk || !segment || cleaned === segment.text) return false;
    if (cleaned !== '') desk.edit([{ op: 'text', segment: id, text: cleaned }], since, began);
    else if (emptyToo) this.remove([id]);
    return true;
  }

  /** Stop typing in a segment, and stand on it. */
  leave(id: number): void {
    this.set.editing(null);
    this.set.focus(id);
  }

  /** Stop typing in a segment, as the focus is elsewhere already. */
  close(id: number): void {
    const real = (each: number) => this.table().desk?.numbers.real(each) ?? each;
    this.set.editing((open) => (open && real(open.id) === real(id) ? null : open));
  }

  /** Two out of one, at a character of what was typed. */
  split(id: number, text: string, at: number, since: number): boolean {
    const { desk } = this.table();
    const head = clean(text.slice(0, at));
    if (!desk || head === '' || clean(text.slice(at)) === '') return false;
    const changes: Change[] = [...this.typed(id, text), { op: 'split', segment: id, at: head.length }];
    const [made] = desk.edit(changes, since);
    if (made !== undefined) this.set.editing({ id: made, caret: 'start' });
    return true;
  }

  /** One out of two neighbours. With `text`, what was typed in this one, the cursor is where they meet. */
  merge(id: number, side: 'before' | 'after', text: string | null = null, since?: number): boolean {
    const { desk } = this.table();
    const other = this.neighbour(id, side === 'before' ? -1 : 1);
    const self = desk?.segment(id);
    if (!desk || !other || !self) return false;
    const [first, second] = side === 'before' ? [other, self] : [self, other];
    const changes = [...this.typed(id, text), merging(first.id, second.id)];
    desk.edit(changes, since);
    const head = first.id === id && text !== null ? clean(text) : first.text;
    if (text !== null) this.set.editing({ id: first.id, caret: head.length + (side === 'before' ? 1 : 0) });
    else this.set.focus(first.id);
    return true;
  }

  remove(ids: number[]): void {
    const { desk } = this.table();
    if (!desk || ids.length === 0) return;
    const next = this.neighbour(ids.at(-1) as number, 1) ?? this.neighbour(ids[0] as number, -1);
    desk.edit([{ op: 'delete', segments: ids }]);
    this.set.editing(null);
    this.set.selected(new Set(), null);
    this.set.focus(next?.id ?? null);
    this.set.removed(ids.length);
  }

  /** Choose a segment, or all from the one that was chosen before. */
  select(id: number, stretch: boolean): void {
    const { segments, selected, anchor } = this.table();
    const next = new Set(selected);
    const places = [id, anchor ?? id].map((each) => segments.findIndex((segment) => segment.id === each));
    if (stretch && !places.includes(-1)) {
      const [from, to] = [Math.min(...places), Math.max(...places)];
      for (const segment of segments.slice(from, to + 1)) next.add(segment.id);
    } else if (!next.delete(id)) next.add(id);
    this.set.selected(next, id);
  }

  /** Have a segment in sight. */
  look(id: number): void {
    this.set.look(id);
  }

  /** Move the focus to a neighbour; with `stretch` both are chosen. */
  step(id: number, by: 1 | -1, stretch = false): void {
    const next = this.neighbour(id, by);
    if (!next) return;
    if (stretch) {
      const { selected } = this.table();
      this.set.selected(new Set([...selected, id, next.id]), next.id);
    }
    this.set.focus(next.id);
  }

  /** Go on typing in a neighbour. */
  editNeighbour(id: number, by: 1 | -1): void {
    const next = this.neighbour(id, by);
    if (next) this.set.editing({ id: next.id, caret: by > 0 ? 'start' : 'end' });
  }

  menu(place: Place | null): void {
    this.set.menu(place);
  }

  /** Ask who speaks: in these, or in all that follow one another from here with the same speaker. */
  ask(place: Place, ids: number[] | null = null): void {
    if (this.table().desk) this.set.asking({ ...place, ids: ids ?? this.turn(place.id) });
  }

  /** The segments from this one on in which the same voice goes on. */
  turn(id: number): number[] {
    const { segments } = this.table();
    const from = segments.findIndex((segment) => segment.id === id);
    const rest = segments.slice(Math.max(0, from));
    const end = rest.findIndex((segment) => segment.speaker !== rest[0]?.speaker);
    return rest.slice(0, end < 0 ? undefined : end).map((segment) => segment.id);
  }

  loop(id: number): void {
    const { player, segments } = this.table();
    const segment = segments.find((each) => each.id === id);
    if (!player || !segment) return;
    const { loop } = player.get();
    const same = loop?.from === segment.start_time && loop.to === segment.end_time;
    player.loop(same ? null : { from: segment.start_time, to: segment.end_time });
  }

  private neighbour(id: number, by: number): Segment | undefined {
    const { segments, desk } = this.table();
    const real = desk?.numbers.real(id) ?? id;
    const place = segments.findIndex((segment) => segment.id === real);
    return place < 0 ? undefined : segments[place + by];
  }

  private typed(id: number, text: string | null): Change[] {
    const segment = this.table().desk?.segment(id);
    const cleaned = text === null ? '' : clean(text);
    if (!segment || cleaned === '' || cleaned === segment.text) return [];
    return [{ op: 'text', segment: id, text: cleaned }];
  }
}

/** One out of two that follow each other. */
export function merging(first: number, second: number): Change {
  return { op: 'merge', first, second };
}
