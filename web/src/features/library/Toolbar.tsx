import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { Search as SearchIcon, SlidersHorizontal, X } from 'lucide-react';
import { lazy, Suspense, useEffect, useId, useRef, useState } from 'react';
import type { Order } from '@/api/queries';
import type { Counts, Status } from '@/api/types';
import { language, useT } from '@/i18n';
import { Button } from '@/ui/Button';
import { cx } from '@/ui/classes';
import { Select } from '@/ui/Field';
import { COUNTS } from './feed';
import { countFilters, type LibrarySearch, librarySearch } from './search';

const STATUSES: readonly Status[] = ['running', 'queued', 'completed', 'failed', 'cancelled'];
const Filters = lazy(() => import('./Filters').then((found) => ({ default: found.Filters })));

/** Which recordings are shown, and in what order. All of it is in the address, so that it can be gone back to
 * and passed on. */
export function Toolbar({ search }: { search: LibrarySearch }) {
  const t = useT();
  const id = useId();
  const navigate = useNavigate({ from: '/' });
  const counts = useQuery<Counts>({ queryKey: COUNTS, enabled: false }).data;
  const filters = countFilters(search);
  const { status: _status, title: _title, order: _order, ...more } = search;
  const [open, setOpen] = useState(Object.keys(more).length > 0);
  const { status = null, order = 'newest', title = '' } = search;

  const go = (next: Partial<Record<keyof LibrarySearch, unknown>>, replace = false) =>
    void navigate({ search: librarySearch({ ...search, ...next }), replace });

  return (
    <>
      <div className="mb-3 flex flex-wrap items-center justify-between gap-x-3 gap-y-2">
        <fieldset className="-mx-1 flex min-w-0 gap-1 overflow-x-auto p-1">
          <legend className="sr-only">{t('library.filter')}</legend>
          {[null, ...STATUSES].map((each) => (
            <button
              key={each ?? 'all'}
              type="button"
              aria-pressed={status === each}
              onClick={() => go({ status: each })}
              className={cx(
                'flex min-h-8 min-w-11 pointer-coarse:min-h-11 shrink-0 items-center justify-center gap-1.5 rounded-full px-3 text-sm font-medium text-ink-soft',
                'transition-colors hover:bg-raised hover:text-ink aria-pressed:bg-ink aria-pressed:text-paper',
              )}
            >
              {t(each === null ? 'library.all' : `status.${each}`)}
              {each !== null && counts && counts[each] > 0 && (
                <span className="tabular text-xs">{counts[each].toLocaleString(language())}</span>
              )}
            </button>
          ))}
        </fieldset>
        <div className="flex grow flex-wrap items-center gap-2 sm:grow-0">
          <Search title={title} onSearch={(wished) => go({ title: wished }, true)} />
          <Button
            icon={SlidersHorizontal}
            aria-expanded={open}
            aria-controls={id}
            className="grow sm:grow-0"
            onClick={() => setOpen(!open)}
          >
            {t('filter.title')}
          </Button>
          <Select
            label={t('library.sort')}
            value={order}
            onChange={({ target }) => go({ order: target.value as Order })}
            className="grow sm:grow-0"
          >
            <option value="newest">{t('library.sort.newest')}</option>
            <option value="oldest">{t('library.sort.oldest')}</option>
            <option value="title">{t('library.sort.title')}</option>
          </Select>
        </div>
      </div>
      {open && (
        <Suspense>
          <Filters id={id} search={search} onChange={go} />
        </Suspense>
      )}
      {filters > 0 && (
        <div className="mb-3 flex flex-wrap items-center gap-1.5">
          {(search.tag ?? []).map((tag) => (
            <button
              key={tag}
              type="button"
              onClick={() => go({ tag: search.tag?.filter((each) => each !== tag) })}
              aria-label={t('filter.tag.drop', { name: tag })}
              className="flex min-h-8 pointer-coarse:min-h-11 max-w-60 items-center gap-1.5 rounded-full bg-accent-soft px-3 text-sm font-medium text-accent-strong hover:bg-raised"
            >
              <bdi className="truncate">{tag}</bdi>
              <X aria-hidden className="size-3.5 shrink-0" />
            </button>
          ))}
          <Button look="plain" icon={X} onClick={() => void navigate({ search: onlyOrder(search) })}>
            {t('filter.count', { n: filters })}
          </Button>
        </div>
      )}
    </>
  );
}

/** Everything, in the order that was chosen. */
export function onlyOrder({ order }: LibrarySearch): LibrarySearch {
  return order ? { order } : {};
}

const SETTLE_MS = 250;

/** Finds titles, as soon as somebody stops typing. */
function Search({ title, onSearch }: { title: string; onSearch: (title: string) => void }) {
  const t = useT();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const [text, setText] = useState(title);
  useEffect(() => () => clearTimeout(timer.current), []);
  // The address may change without this field: by going back, or by clearing all.
  useEffect(() => {
    setText((before) => (before.trim() === title ? before : title));
  }, [title]);
  return (
    <div className="relative w-full sm:w-44">
      <SearchIcon aria-hidden className="absolute inset-y-0 start-2.5 my-auto size-4 text-ink-faint" />
      <input
        type="search"
        aria-label={t('library.search')}
        placeholder={t('library.search')}
        value={text}
        maxLength={200}
        onChange={({ target }) => {
          setText(target.value);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => onSearch(target.value.trim()), SETTLE_MS);
        }}
        className="min-h-9 pointer-coarse:min-h-11 w-full rounded-md border border-line-strong bg-surface ps-8 pe-2.5 text-sm text-ink shadow-1 placeholder:text-ink-faint"
      />
    </div>
  );
}
