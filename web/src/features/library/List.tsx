import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useCallback, useDeferredValue, useLayoutEffect, useRef, useState } from 'react';
import { useT } from '@/i18n';
import { cx } from '@/ui/classes';
import type { Range } from './pages';
import { ROW_HEIGHT, Row, type RowDeeds } from './Row';
import { RowMenu } from './RowMenu';
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
  // What stands above comes and goes: filters, and what is on its way to the server.
  useLayoutEffect(() => {
    const watch = new ResizeObserver(() => setOffset(ref.current?.offsetTop ?? 0));
    watch.observe(document.body);
    setOffset(ref.current?.offsetTop ?? 0);
    return () => watch.disconnect();
  }, []);
  const virtual = useWindowVirtualizer({
    count: total,
    estimateSize: () => ROW_HEIGHT,
    overscan: 8,
    scrollMargin: offset,
    useFlushSync: false,
  });
  // There are rows enough beyond what is seen: more of them are drawn in between, and hold up no frame.
  const items = useDeferredValue(virtual.getVirtualItems());
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  useLayoutEffect(() => onRange({ first, last }), [first, last, onRange]);

  const loaded = useRef<string[]>([]);
  loaded.current = rows.loaded.map((item) => item.session_id);
  const { toggle } = selection;
  const select = useCallback((id: string, range: boolean) => toggle(id, loaded.current, range), [toggle]);

  const [writing, setWriting] = useState<string | null>(null);
  const [asked, setAsked] = useState<{ id: string; button: HTMLElement } | null>(null);
  const ask = useCallback(
    (id: string, button: HTMLElement) => setAsked((before) => (before?.id === id ? null : { id, button })),
    [],
  );
  const written = useCallback(() => setWriting(null), []);
  // As it is by now: it may have ended, or gone, since its menu was opened.
  const about = asked && rows.loaded.find((item) => item.session_id === asked.id);

  return (
    <ul
      ref={ref}
      data-selecting={selection.ids.size > 0 || undefined}
      className="card relative"
      style={{ height: virtual.getTotalSize() }}
    >
      {items.map((item) => {
        const recording = rows.at(item.index);
        return (
          <li
            key={item.key}
            aria-setsize={total}
            aria-posinset={item.index + 1}
            className={cx(
              'absolute inset-x-0 contain-strict',
              item.index === 0 && 'rounded-t-lg',
              item.index === total - 1 && 'rounded-b-lg',
            )}
            style={{ height: ROW_HEIGHT, top: item.start - offset }}
          >
            {recording ? (
              <Row
                recording={recording}
                selected={selection.ids.has(recording.session_id)}
                writing={recording.session_id === writing}
                onSelect={select}
                onMenu={ask}
                onWritten={written}
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
      {asked && about && (
        <RowMenu
          key={asked.id}
          recording={about}
          element={asked.button}
          deeds={deeds}
          onWrite={setWriting}
          onClose={() => setAsked(null)}
        />
      )}
    </ul>
  );
}
