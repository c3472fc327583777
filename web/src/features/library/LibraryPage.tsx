import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { RotateCcw, Search as SearchIcon, Trash2, X } from 'lucide-react';
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { Order, Wanted } from '@/api/queries';
import type { Counts, Status } from '@/api/types';
import { sentence } from '@/features/account/sentence';
import { RecordLink } from '@/features/record/RecordLink';
import { AddButton } from '@/features/uploads/AddButton';
import { UploadTray } from '@/features/uploads/UploadTray';
import { useT } from '@/i18n';
import { Button, IconButton } from '@/ui/Button';
import { cx } from '@/ui/classes';
import { Dialog } from '@/ui/Dialog';
import { Select } from '@/ui/Field';
import { Message } from '@/ui/Message';
import { useDeeds } from './actions';
import { EmptyLibrary } from './EmptyLibrary';
import { COUNTS } from './feed';
import { ROW_HEIGHT, Row } from './Row';
import { usePages } from './usePages';

const STATUSES: readonly Status[] = ['running', 'queued', 'completed', 'failed', 'cancelled'];

export function LibraryPage() {
  const t = useT();
  const { status = null, order = 'newest', title = '' } = useSearch({ from: '/inside/' });
  const [range, setRange] = useState({ first: 0, last: 0 });
  const rows = usePages({ status, order, title }, range.first, range.last);
  const selection = useSelection();
  const deeds = useDeeds();
  const [doomed, setDoomed] = useState<string[]>([]);
  const total = rows.total;

  async function remove(): Promise<void> {
    setDoomed([]);
    selection.clear();
    await deeds.remove(doomed);
  }

  const chosen = rows.loaded.filter((item) => selection.ids.has(item.session_id));
  const retriable = chosen.filter(
    (item) =>
      item.access !== 'viewer' &&
      item.media_removed_at === null &&
      !['queued', 'running'].includes(item.status),
  );
  const deletable = chosen.filter((item) => item.access === 'owner' && !item.held);

  return (
    <div className="flex grow flex-col px-4 py-6 sm:px-6 md:py-8 lg:pe-10">
      <header className="flex flex-wrap items-end justify-between gap-4">
        <div>
          <h1 className="display text-3xl">{t('library.title')}</h1>
          <p className="mt-0.5 min-h-6 text-base text-ink-soft">
            {total !== null &&
              total > 0 &&
              status === null &&
              title === '' &&
              t('library.count', { n: total })}
          </p>
        </div>
        <div className="flex flex-wrap gap-3">
          <RecordLink />
          <AddButton />
        </div>
      </header>
      <UploadTray />
      {rows.error && (
        <div className="mt-6">
          <Message kind="bad">{sentence(rows.error)}</Message>
        </div>
      )}
      {total === 0 && status === null && title === '' ? (
        <EmptyLibrary />
      ) : (
        <section aria-label={t('library.list')} className="mt-5 flex grow flex-col">
          <Toolbar status={status} order={order} title={title} />
          {selection.ids.size > 0 && (
            <div className="glass sticky top-3 z-20 mb-3 flex flex-wrap items-center gap-2 rounded-lg px-3 py-2 shadow-2">
              <p className="me-auto px-1 text-sm font-medium">
                {t('library.selected', { n: selection.ids.size })}
              </p>
              <Button
                icon={RotateCcw}
                disabled={retriable.length === 0}
                onClick={() => {
                  selection.clear();
                  void deeds.retry(retriable.map((item) => item.session_id));
                }}
              >
                {t('action.retry')}
              </Button>
              <Button
                icon={Trash2}
                disabled={deletable.length === 0}
                onClick={() => setDoomed(deletable.map((item) => item.session_id))}
              >
                {t('action.delete')}
              </Button>
              <IconButton icon={X} label={t('library.select.none')} onClick={selection.clear} />
            </div>
          )}
          {total === 0 && (
            <div className="grid grow place-items-center py-20 text-center">
              <div>
                <p className="display text-xl">{t(title ? 'library.unfound.title' : 'library.none.title')}</p>
                <p className="mt-1 text-ink-soft">
                  {t(title ? 'library.unfound.text' : 'library.none.text')}
                </p>
              </div>
            </div>
          )}
          {total !== null && total > 0 && (
            <List
              key={`${status}-${order}-${title}`}
              total={total}
              rows={rows}
              selection={selection}
              onRange={setRange}
              onRetry={deeds.retry}
              onCancel={deeds.cancel}
              onDelete={setDoomed}
            />
          )}
        </section>
      )}
      <Dialog
        open={doomed.length > 0}
        title={t('library.delete.title', { n: doomed.length })}
        onClose={() => setDoomed([])}
      >
        <p className="text-ink-soft">{t('library.delete.text')}</p>
        <div className="mt-6 flex justify-end gap-2">
          <Button onClick={() => setDoomed([])}>{t('action.cancel')}</Button>
          <Button look="danger" icon={Trash2} onClick={() => void remove()}>
            {t('action.delete')}
          </Button>
        </div>
      </Dialog>
    </div>
  );
}

function Toolbar({ status, order, title }: Wanted) {
  const t = useT();
  const navigate = useNavigate({ from: '/' });
  const counts = useQuery<Counts>({ queryKey: COUNTS, enabled: false }).data;
  const go = (next: Partial<Wanted>) => {
    const to = { status, order, title, ...next };
    return navigate({
      search: {
        ...(to.status ? { status: to.status } : {}),
        ...(to.order === 'newest' ? {} : { order: to.order }),
        ...(to.title ? { title: to.title } : {}),
      },
      replace: true,
    });
  };
  return (
    <div className="mb-3 flex flex-wrap items-center justify-between gap-x-3 gap-y-2">
      <fieldset className="-mx-1 flex min-w-0 gap-1 overflow-x-auto p-1">
        <legend className="sr-only">{t('library.filter')}</legend>
        {[null, ...STATUSES].map((each) => (
          <button
            key={each ?? 'all'}
            type="button"
            aria-pressed={status === each}
            onClick={() => void go({ status: each })}
            className={cx(
              'flex min-h-8 shrink-0 items-center gap-1.5 rounded-full px-3 text-sm font-medium text-ink-soft',
              'transition-colors hover:bg-raised hover:text-ink aria-pressed:bg-ink aria-pressed:text-paper',
            )}
          >
            {t(each === null ? 'library.all' : `status.${each}`)}
            {each !== null && counts && counts[each] > 0 && (
              <span className="tabular text-xs">{counts[each].toLocaleString()}</span>
            )}
          </button>
        ))}
      </fieldset>
      <div className="flex grow items-center gap-2 sm:grow-0">
        <Search title={title} onSearch={(wished) => void go({ title: wished })} />
        <Select
          label={t('library.sort')}
          value={order}
          onChange={(event) => void go({ order: event.target.value as Order })}
          className="shrink-0"
        >
          <option value="newest">{t('library.sort.newest')}</option>
          <option value="oldest">{t('library.sort.oldest')}</option>
          <option value="title">{t('library.sort.title')}</option>
        </Select>
      </div>
    </div>
  );
}

const SETTLE_MS = 250;

/** Finds titles, as soon as somebody stops typing. */
function Search({ title, onSearch }: { title: string; onSearch: (title: string) => void }) {
  const t = useT();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <div className="relative grow sm:w-52">
      <SearchIcon aria-hidden className="absolute inset-y-0 start-2.5 my-auto size-4 text-ink-faint" />
      <input
        type="search"
        aria-label={t('library.search')}
        placeholder={t('library.search')}
        defaultValue={title}
        maxLength={200}
        onChange={(event) => {
          const { value } = event.target;
          clearTimeout(timer.current);
          timer.current = setTimeout(() => onSearch(value.trim()), SETTLE_MS);
        }}
        className="min-h-9 w-full rounded-md border border-line-strong bg-surface ps-8 pe-2.5 text-sm text-ink shadow-1 placeholder:text-ink-faint"
      />
    </div>
  );
}

interface Selection {
  ids: ReadonlySet<string>;
  toggle: (id: string, among: readonly string[], range: boolean) => void;
  clear: () => void;
}

/** Which are chosen. With Shift, all between the last one and this. */
function useSelection(): Selection {
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

interface ListProps {
  total: number;
  rows: ReturnType<typeof usePages>;
  selection: Selection;
  onRange: (range: { first: number; last: number }) => void;
  onRetry: (ids: string[]) => void;
  onCancel: (ids: string[]) => void;
  onDelete: (ids: string[]) => void;
}

/** Only the rows that can be seen are there, and a few beyond; the page itself scrolls. */
function List({ total, rows, selection, onRange, ...deeds }: ListProps) {
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
                {...deeds}
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
