import { useDeferredValue, useMemo, useState } from 'react';
import type { Change, Segment } from '@/api/types';
import type { Player } from '@/features/recording/player';
import { t } from '@/i18n';
import { say } from '@/ui/Toast';
import type { Desk } from './desk';
import type { Hands } from './hands';
import { type Hit, hitFrom, hits, type Wanted } from './search';
import { clean, wordOfCharacter } from './text';

export interface Find {
  open: boolean;
  wanted: Wanted;
  by: string;
  found: readonly Hit[];
  bySegment: ReadonlyMap<number, Hit[]>;
  /** Which hit one is at; -1 before the first. */
  at: number;
  hit: Hit | null;
  want: (change: Partial<Wanted>) => void;
  replaceBy: (text: string) => void;
  show: (open: boolean) => void;
  go: (step: 1 | -1) => void;
  replaceOne: () => void;
  replaceAll: () => void;
}

const NOTHING: ReadonlyMap<number, Hit[]> = new Map();

/** Find in the transcript, and replace. Whoever goes to a hit hears it. */
export function useFind(
  segments: readonly Segment[],
  player: Player | null,
  desk: Desk | null,
  hands: Hands,
  onLeave: () => void,
): Find {
  const [open, setOpen] = useState(false);
  const [wanted, setWanted] = useState<Wanted>({ find: '', matchCase: false, wholeWords: false });
  const [by, setBy] = useState('');
  const [at, setAt] = useState(-1);
  // Typing is never held up by a long transcript.
  const calm = useDeferredValue(wanted);
  const found = useMemo(() => (open ? hits(segments, calm) : []), [open, segments, calm]);
  const bySegment = useMemo(() => {
    if (found.length === 0) return NOTHING;
    const map = new Map<number, Hit[]>();
    for (const hit of found) map.set(hit.segment, [...(map.get(hit.segment) ?? []), hit]);
    return map;
  }, [found]);
  const place = Math.min(at, found.length - 1);
  const hit = found[place] ?? null;

  function go(step: 1 | -1): void {
    const all = calm === wanted ? found : hits(segments, wanted);
    if (all.length === 0) return;
    let next = (place + step + all.length) % all.length;
    if (place < 0) {
      const order = new Map(segments.map(({ id }, index) => [id, index]));
      const here = player ? segments.findLast(({ start_time }) => start_time <= player.time) : undefined;
      next = hitFrom(all, order, here?.id ?? -1);
    }
    setAt(next);
    const to = all[next] as Hit;
    onLeave();
    hands.look(to.segment);
    const segment = segments.find(({ id }) => id === to.segment);
    if (player && segment) player.playFrom(heardAt(segment, to));
  }

  function replaceOne(): void {
    const segment = hit && segments.find(({ id }) => id === hit.segment);
    if (!desk || !segment || !hit) {
      go(1);
      return;
    }
    const text = clean(segment.text.slice(0, hit.start) + by + segment.text.slice(hit.end));
    const change: Change =
      text === '' ? { op: 'delete', segments: [segment.id] } : { op: 'text', segment: segment.id, text };
    desk.edit([change]);
    // The hit is gone, and the next one has its place.
    const next = found[place + 1];
    if (next) hands.look(next.segment);
  }

  function replaceAll(): void {
    const n = hits(segments, wanted).length;
    if (!desk || n === 0) return;
    const { find, matchCase, wholeWords } = wanted;
    desk.edit([{ op: 'replace', find, replace: by, match_case: matchCase, whole_words: wholeWords }]);
    say(t('editing.replaced', { n }));
  }

  return {
    open,
    wanted,
    by,
    found,
    bySegment,
    at: place,
    hit,
    want: (change) => {
      setWanted((before) => ({ ...before, ...change }));
      setAt(-1);
    },
    replaceBy: setBy,
    show: setOpen,
    go,
    replaceOne,
    replaceAll,
  };
}

/** When the first word of a hit is said. */
function heardAt(segment: Segment, hit: Hit): number {
  return segment.words[wordOfCharacter(segment.text, hit.start)]?.start_time ?? segment.start_time;
}
