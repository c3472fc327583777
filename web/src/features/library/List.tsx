import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useCallback, useLayoutEffect, useRef, useState } from 'react';
import { useT } from '@/i18n';
import type { Range } from './pages';
import { ROW_HEIGHT, Row, type RowDeeds } from './Row';
import type { usePages } from './usePages';
import type { Selection } from './useSelection';

interface ListProps {
  total: number;
  rows: ReturnType<typeof usePages>;
  selection: Selection;
  onRange: (range: Range) => void;
  deeds: RowDeeds;
}

/** Only the rows that can be seen are there, and a few beyond; the page itself scrolls. */
export function List({ total, rows, selection, onRange, deeds }: ListProps) {
  const t = useT();
  const ref = useRef<HTMLUListElement>(null);
  const [offset, setOffset] = useState(0);
  useLayoutEffect(() => setOffset(ref.current?.offsetTop ?? 0), []);
  const virtual = useWindowVirtualizer({
    count: total,
    estimateSize: () => ROW_HEIGHT,
    overscan: 8,
    scrollMargin: offset,
  });
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  useLayoutEffect(() => onRange({ first, last }), [first, last, onRange]);

  const loaded = useRef<string[]>([]);
  loaded.current = rows.loaded.map((item) => item.session_id);
  const { toggle } = selection;
  const select = useCallback((id: string, range: boolean) => toggle(id, loaded.current, range), [toggle]);

  return (
    <ul ref={ref} className="card relative overflow-hidden" style={{ height: virtual.getTotalSize() }}>
      {items.map((item) => {
        const recording = rows.at(item.index);
        return (
          <li
            key={item.key}
            aria-setsize={total}
            aria-posinset={item.index + 1}
            className="absolute inset-x-0 top-0"
            style={{ height: ROW_HEIGHT, transform: `translateY(${item.start - offset}px)` }}
          >
            {recording ? (
              <Row
                recording={recording}
                selected={selection.ids.has(recording.session_id)}
                onSelect={select}
                deeds={deeds}
              />
            ) : (
              <div
                className="flex h-full items-center border-b border-line px-4"
                role="img"
                aria-label={t('library.loading')}
              >
                <div className="h-4 w-1/3 animate-breathe rounded-sm bg-raised" />
              </div>
            )}
          </li>
        );
      })}
    </ul>
  );
}
