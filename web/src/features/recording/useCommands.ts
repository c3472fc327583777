import { useCallback, useRef } from 'react';
import type { Segment } from '@/api/types';
import type { Desk } from '@/features/editing/desk';
import { characterOfWord } from '@/features/editing/text';
import type { Bench } from '@/features/editing/useBench';
import type { Find } from '@/features/editing/useFind';
import { drive } from './drive';
import type { Command } from './keys';
import type { Player } from './player';
import { lastAt, wordAt } from './timeline';

interface Room {
  desk: Desk | null;
  player: Player | null;
  segments: readonly Segment[];
  bench: Bench;
  find: Find;
  onFind: () => void;
  onHelp: () => void;
  onFollow: () => void;
  onComment: (at: number) => void;
  onCopy: () => void;
  onQuote: (segment?: number) => void;
  onExport: () => void;
}

/** What keys do on the page, by their names. It stays the same function, whatever changes. */
export function useCommands(room: Room): (command: Command) => void {
  const now = useRef(room);
  now.current = room;
  return useCallback((command: Command) => carryOut(command, now.current), []);
}

function carryOut(command: Command, room: Room): void {
  const { desk, player, segments, bench, find } = room;
  const here = hereIn(room);
  const deeds: Partial<Record<Command, () => void>> = {
    help: room.onHelp,
    follow: room.onFollow,
    copy: room.onCopy,
    quote: () => room.onQuote(bench.selected.size > 0 ? undefined : here?.id),
    export: room.onExport,
    find: room.onFind,
    again: () => (find.open ? find.go(1) : room.onFind()),
    undo: () => desk?.undo(),
    redo: () => desk?.redo(),
    comment: () => desk && room.onComment(player?.time ?? here?.start_time ?? 0),
    loop: () => here && bench.hands.loop(here.id),
    edit: () => here && bench.hands.edit(here.id, caretIn(here, player)),
    speaker: () => here && askAbout(here, room),
  };
  const deed = deeds[command];
  if (deed) deed();
  else if (player) drive(player, command, segments);
}

/** The segment that is meant: where somebody stands or types, or what is being said. */
function hereIn({ bench, segments, player }: Room): Segment | undefined {
  const row = document.activeElement?.closest<HTMLElement>('[data-segment]')?.dataset.segment;
  const id = bench.editing?.id ?? (row === undefined ? undefined : Number(row));
  const found = id === undefined ? undefined : segments.find((segment) => segment.id === id);
  return found ?? segments[Math.max(0, player ? lastAt(segments, player.time) : 0)];
}

/** Before the word that is being said, for that is the one that sounded wrong. */
function caretIn(segment: Segment, player: Player | null): number | 'end' {
  const { time } = player ?? { time: 0 };
  if (time < segment.start_time || time > segment.end_time) return 'end';
  return characterOfWord(segment.text, Math.max(0, wordAt(segment.words, time)));
}

function askAbout(here: Segment, { bench }: Room): void {
  const row = document.querySelector<HTMLElement>(`[data-segment="${here.id}"]`);
  if (!row) return;
  const element = row.querySelector<HTMLElement>('[data-speaker]') ?? row;
  bench.hands.ask({ id: here.id, element }, bench.selected.size > 0 ? [...bench.selected] : null);
}
