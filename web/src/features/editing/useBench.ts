import { useCallback, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { Segment } from '@/api/types';
import type { Player } from '@/features/recording/player';
import { t } from '@/i18n';
import { say } from '@/ui/Toast';
import type { Desk } from './desk';
import { type Asking, Hands, type Open, type Place } from './hands';

/** What lies on the bench: which segment is open, which are chosen, and what is asked of whom. */
export interface Bench {
  hands: Hands;
  editing: Open | null;
  /** The row that is to have the focus; another object is another wish. */
  focus: { id: number } | null;
  /** The row that is to be seen. */
  look: { id: number } | null;
  selected: ReadonlySet<number>;
  menu: Place | null;
  asking: Asking | null;
  /** Choose nothing. */
  clear: () => void;
  /** Ask nothing any more. */
  answered: () => void;
}

const NONE: ReadonlySet<number> = new Set();

/** `desk` is null for those who may only read. */
export function useBench(desk: Desk | null, segments: readonly Segment[], player: Player | null): Bench {
  const [editing, setEditing] = useState<Open | null>(null);
  const [focus, setFocus] = useState<{ id: number } | null>(null);
  const [look, setLook] = useState<{ id: number } | null>(null);
  const [menu, setMenu] = useState<Place | null>(null);
  const [asking, setAsking] = useState<Asking | null>(null);
  const [chosen, setChosen] = useState<{ ids: ReadonlySet<number>; anchor: number | null }>({
    ids: NONE,
    anchor: null,
  });
  const table = useRef({ desk, segments, player, selected: chosen.ids, anchor: chosen.anchor });
  useLayoutEffect(() => {
    table.current = { desk, segments, player, selected: chosen.ids, anchor: chosen.anchor };
  });
  const hands = useMemo(
    () =>
      new Hands(() => table.current, {
        editing: setEditing,
        focus: (id) => setFocus(id === null ? null : { id }),
        look: (id) => setLook({ id }),
        selected: (ids, anchor) => setChosen({ ids, anchor }),
        // Asked for again, it closes.
        menu: (place) => setMenu((before) => (place && before?.id === place.id ? null : place)),
        asking: setAsking,
        removed: (n) => say(t('editing.removed', { n })),
      }),
    [],
  );
  // Segments get their own numbers from the server; what is gone can be neither open nor chosen.
  const there = useMemo(() => new Set(segments.map(({ id }) => id)), [segments]);
  const real = (id: number) => desk?.numbers.real(id) ?? id;
  const open = editing && there.has(real(editing.id)) ? { ...editing, id: real(editing.id) } : null;
  const selected = useMemo(() => {
    const ids = [...chosen.ids].map((id) => desk?.numbers.real(id) ?? id).filter((id) => there.has(id));
    return ids.length > 0 ? new Set(ids) : NONE;
  }, [chosen.ids, there, desk]);
  return {
    hands,
    editing: useSame(desk ? open : null),
    focus,
    look,
    selected,
    menu,
    asking,
    clear: useCallback(() => setChosen({ ids: NONE, anchor: null }), []),
    answered: useCallback(() => setAsking(null), []),
  };
}

/** The same object for as long as it says the same, so that rows are not drawn anew. */
function useSame(editing: Open | null): Open | null {
  const last = useRef(editing);
  if (last.current?.id !== editing?.id || last.current?.caret !== editing?.caret) last.current = editing;
  return last.current;
}
