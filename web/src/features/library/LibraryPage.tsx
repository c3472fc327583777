import { useNavigate, useSearch } from '@tanstack/react-router';
import { Trash2 } from 'lucide-react';
import { lazy, Suspense, useCallback, useMemo, useState } from 'react';
import { PAGE } from '@/api/queries';
import type { Recording } from '@/api/types';
import { RecordLink } from '@/features/record/RecordLink';
import { AddButton } from '@/features/uploads/AddButton';
import { UploadTray } from '@/features/uploads/UploadTray';
import { useT } from '@/i18n';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Message } from '@/ui/Message';
import { sentence } from '@/ui/sentence';
import { useDeeds } from './actions';
import { EmptyLibrary } from './EmptyLibrary';
import { List } from './List';
import { nextRange, type Range } from './pages';
import type { RowDeeds } from './Row';
import { SelectionBar } from './SelectionBar';
import { countFilters, wantedOf } from './search';
import { onlyOrder, Toolbar } from './Toolbar';
import { usePages } from './usePages';
import { useSelection } from './useSelection';

const TagDialog = lazy(() => import('./TagDialog').then((found) => ({ default: found.TagDialog })));
const ShareDialog = lazy(() =>
  import('@/features/sharing/ShareDialog').then((found) => ({ default: found.ShareDialog })),
);

export function LibraryPage() {
  const t = useT();
  const search = useSearch({ from: '/inside/' });
  const navigate = useNavigate({ from: '/' });
  const filtered = countFilters(search) > 0;
  const [range, setRange] = useState<Range>({ first: 0, last: 0 });
  const look = useCallback((now: Range) => setRange((before) => nextRange(before, now, PAGE)), []);
  const rows = usePages(wantedOf(search), range.first, range.last);
  const selection = useSelection();
  const deeds = useDeeds();
  const [doomed, setDoomed] = useState<string[]>([]);
  const [tagged, setTagged] = useState<Recording[]>([]);
  const [shared, setShared] = useState<Recording | null>(null);
  const { retry, cancel, hold } = deeds;
  const rowDeeds: RowDeeds = useMemo(
    () => ({
      onRetry: retry,
      onCancel: cancel,
      onHold: hold,
      onDelete: setDoomed,
      onTag: setTagged,
      onShare: setShared,
    }),
    [retry, cancel, hold],
  );
  const total = rows.total;

  async function remove(): Promise<void> {
    setDoomed([]);
    selection.clear();
    await deeds.remove(doomed);
  }

  const empty = total === 0 && !filtered;
  return (
    <div className="flex grow flex-col px-4 py-6 sm:px-6 md:py-8 lg:pe-10">
      <header className="flex flex-wrap items-end justify-between gap-4">
        <div>
          <h1 className="display text-3xl">{t('library.title')}</h1>
          {total !== null && !empty && (
            <p className="mt-0.5 text-base text-ink-soft">
              {t('library.count', { n: total })}
              <span className="text-ink-faint pointer-coarse:hidden"> · {t('library.hint')}</span>
            </p>
          )}
        </div>
        {!empty && (
          <div className="flex flex-wrap gap-3">
            <RecordLink />
            <AddButton />
          </div>
        )}
      </header>
      <UploadTray />
      {rows.error && (
        <div className="mt-6">
          <Message kind="bad">{sentence(rows.error)}</Message>
        </div>
      )}
      {empty ? (
        <EmptyLibrary />
      ) : (
        <section aria-label={t('library.list')} className="mt-5 flex grow flex-col">
          <Toolbar search={search} />
          {total === 0 && (
            <div className="grid grow place-items-center py-20 text-center">
              <div>
                <p className="display text-xl">{t('filter.none.title')}</p>
                <p className="mt-1 text-ink-soft">{t('filter.none.text')}</p>
                <Button className="mt-5" onClick={() => void navigate({ search: onlyOrder(search) })}>
                  {t('filter.clear')}
                </Button>
              </div>
            </div>
          )}
          {total !== null && total > 0 && (
            <List
              key={JSON.stringify(search)}
              total={total}
              rows={rows}
              selection={selection}
              onRange={look}
              deeds={rowDeeds}
            />
          )}
          {selection.ids.size > 0 && (
            <SelectionBar
              count={selection.ids.size}
              chosen={rows.loaded.filter((item) => selection.ids.has(item.session_id))}
              onRetry={(ids) => {
                selection.clear();
                void retry(ids);
              }}
              onTag={(recordings) => {
                selection.clear();
                setTagged(recordings);
              }}
              onDelete={setDoomed}
              onClear={selection.clear}
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
      <Suspense>
        {tagged.length > 0 && <TagDialog recordings={tagged} onClose={() => setTagged([])} />}
        {shared && (
          <ShareDialog id={shared.session_id} title={shared.title} onClose={() => setShared(null)} />
        )}
      </Suspense>
    </div>
  );
}
