import { useCallback, useMemo, useRef, useState } from 'react';

export interface Selection {
  ids: ReadonlySet<string>;
  toggle: (id: string, among: readonly string[], range: boolean) => void;
  clear: () => void;
}

/** Which are chosen. With Shift, all between the last one and this. */
export function useSelection(): Selection {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const last = useRef<string | null>(null);
  const toggle = useCallback((id: string, among: readonly string[], range: boolean) => {
    setIds((before) => {
      const next = new Set(before);
      const from = range && last.current ? among.indexOf(last.current) : -1;
      const to = among.indexOf(id);
      const on = !before.has(id);
      const touched = from >= 0 && to >= 0 ? among.slice(Math.min(from, to), Math.max(from, to) + 1) : [id];
      for (const each of touched) on ? next.add(each) : next.delete(each);
      return next;
    });
    last.current = id;
  }, []);
  const clear = useCallback(() => setIds(new Set()), []);
  return useMemo(() => ({ ids, toggle, clear }), [ids, toggle, clear]);
}
