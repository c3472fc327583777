import { useNavigate, useSearch } from '@tanstack/react-router';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { Download, FileJson, Table2 } from 'lucide-react';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { useT } from '@/i18n';
import { Button } from '@/ui/Button';
import { Menu, MenuItem } from '@/ui/Menu';
import { Message } from '@/ui/Message';
import { sentence } from '@/ui/sentence';
import { AuditFilters } from './AuditFilters';
import { AuditRow } from './AuditRow';
import type { AuditSearch } from './audit';
import { exportAddress, useAudit } from './useAudit';

const HEIGHT = 58;
const AHEAD = 40;

/** Who did what to what, and when. */
export function Audit() {
  const t = useT();
  const search: AuditSearch = useSearch({ from: '/inside/admin/audit' });
  const navigate = useNavigate({ from: '/admin/audit' });
  const { entries, error, isPending, hasNextPage, isFetchingNextPage, fetchNextPage } = useAudit(search);
  const go = (next: AuditSearch) =>
    void navigate({ search: Object.fromEntries(Object.entries(next).filter(([, value]) => value)) });
  return (
    <section aria-label={t('admin.audit')}>
      <div className="mb-4 flex flex-wrap items-end justify-between gap-3">
        <AuditFilters key={JSON.stringify(search)} search={search} onChange={go} />
        <Menu
          items={
            <>
              <MenuItem icon={Table2} href={exportAddress(search, 'csv')} download>
                {t('audit.csv')}
              </MenuItem>
              <MenuItem icon={FileJson} href={exportAddress(search, 'jsonl')} download>
                {t('audit.jsonl')}
              </MenuItem>
            </>
          }
        >
          <Button icon={Download} className="min-h-10.5">
            {t('recording.export')}
          </Button>
        </Menu>
      </div>
      {error && <Message kind="bad">{sentence(error)}</Message>}
      {!isPending && !error && entries.length === 0 && (
        <div className="py-16 text-center">
          <p className="display text-xl">{t('audit.none')}</p>
          <Button className="mt-4" onClick={() => go({})}>
            {t('filter.clear')}
          </Button>
        </div>
      )}
      {entries.length > 0 && (
        <Entries
          entries={entries}
          more={hasNextPage && !isFetchingNextPage}
          onMore={() => void fetchNextPage()}
          onPick={(wanted) => go({ ...search, ...wanted })}
        />
      )}
    </section>
  );
}

interface EntriesProps {
  entries: ReturnType<typeof useAudit>['entries'];
  more: boolean;
  onMore: () => void;
  onPick: (wanted: AuditSearch) => void;
}

/** A log of any length: only what can be seen is there, and the next page is fetched ahead of the reader. */
function Entries({ entries, more, onMore, onPick }: EntriesProps) {
  const ref = useRef<HTMLUListElement>(null);
  const [offset, setOffset] = useState(0);
  useLayoutEffect(() => {
    const top = ref.current?.getBoundingClientRect().top ?? 0;
    setOffset(top + window.scrollY);
  }, []);
  const virtual = useWindowVirtualizer({
    count: entries.length,
    estimateSize: () => HEIGHT,
    overscan: 10,
    scrollMargin: offset,
    getItemKey: (index) => entries[index]?.seq ?? index,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && last + AHEAD >= entries.length) onMore();
  }, [more, last, entries.length, onMore]);
  return (
    <ul ref={ref} className="card relative" style={{ height: virtual.getTotalSize() }}>
      {items.map((item) => {
        const entry = entries[item.index];
        return (
          <li
            key={item.key}
            ref={virtual.measureElement}
            data-index={item.index}
            className="absolute inset-x-0 top-0 border-b border-line last:border-0"
            style={{ transform: `translateY(${item.start - offset}px)` }}
          >
            {entry && <AuditRow entry={entry} onPick={onPick} />}
          </li>
        );
      })}
    </ul>
  );
}
