import { useQuery } from '@tanstack/react-query';
import { language, useT } from '@/i18n';
import { cx } from '@/ui/classes';
import { percent, size } from '@/ui/format';
import { Message } from '@/ui/Message';
import { Section } from '@/ui/Section';
import { sentence } from '@/ui/sentence';
import { Cell, Table } from '@/ui/Table';
import { type StorageUse, storageQuery } from './queries';
import { type Slice, slices } from './room';

const LOOKS: Record<Slice['kind'], string> = {
  recordings: 'bg-accent',
  models: 'bg-amber',
  database: 'bg-good',
  other: 'bg-control',
  free: 'bg-sunken',
  reserve: 'bg-line-strong',
};

/** What takes room, and whose it is. */
export function Storage() {
  const t = useT();
  const storage = useQuery(storageQuery);
  if (storage.error && !storage.data) return <Message kind="bad">{sentence(storage.error)}</Message>;
  if (!storage.data) return null;
  const { users, bucket, kinds } = storage.data;
  const most = Math.max(1, ...users.map((user) => user.bytes));
  return (
    <>
      <Disk use={storage.data} />
      {bucket && (
        <Section title={t('storage.bucket')}>
          <p className="text-sm text-ink-soft">
            {t('storage.bucket.text', { size: size(kinds.recordings, language()) })}{' '}
            <code dir="ltr">{bucket}</code>
          </p>
        </Section>
      )}
      <Section title={t('storage.people')}>
        <Table
          label={t('storage.people')}
          heads={[
            { text: t('people.name') },
            { text: t('storage.recordings'), end: true },
            { text: t('storage.held'), end: true },
            { text: t('storage.unfinished'), end: true },
            { text: t('storage.size'), end: true },
          ]}
        >
          {[...users]
            .sort((a, b) => b.bytes - a.bytes)
            .map((user) => (
              <tr key={user.user_id}>
                <Cell className="w-2/5 max-w-48">
                  <bdi className="block truncate font-medium">{user.name}</bdi>
                  <span aria-hidden className="mt-1 block h-1 overflow-hidden rounded-full bg-sunken">
                    <span
                      className="block h-full rounded-full bg-accent"
                      style={{ width: `${(user.bytes / most) * 100}%` }}
                    />
                  </span>
                </Cell>
                <Cell end>{user.recordings.toLocaleString(language())}</Cell>
                <Cell end>{user.held.toLocaleString(language())}</Cell>
                <Cell end>
                  {user.uploads > 0
                    ? `${user.uploads.toLocaleString(language())} · ${size(user.upload_bytes, language())}`
                    : '0'}
                </Cell>
                <Cell end className="font-medium">
                  {size(user.bytes, language())}
                </Cell>
              </tr>
            ))}
        </Table>
      </Section>
    </>
  );
}

function Disk({ use }: { use: StorageUse }) {
  const t = useT();
  const { disk } = use;
  const found = slices(use);
  const left = disk.free - disk.reserve;
  return (
    <Section title={t('storage.disk')}>
      <p className="flex flex-wrap items-baseline gap-x-2">
        <span className="display text-3xl">{size(disk.free, language())}</span>
        <span className="text-ink-soft">{t('storage.free', { total: size(disk.total, language()) })}</span>
      </p>
      <div aria-hidden className="mt-4 flex h-5 overflow-hidden rounded-full bg-sunken">
        {found.map(({ kind, share }) => (
          <span
            key={kind}
            className={cx('h-full border-e border-surface last:border-0', LOOKS[kind])}
            // What is there at all can be seen.
            style={{ width: `${share * 100}%`, minWidth: share > 0 ? '3px' : 0 }}
          />
        ))}
      </div>
      <dl className="mt-4 grid gap-x-8 gap-y-2 text-sm sm:grid-cols-2">
        {found.map(({ kind, bytes, share }) => (
          <div key={kind} className="flex items-center gap-2.5">
            <span aria-hidden className={cx('size-3 rounded-sm border border-line-strong', LOOKS[kind])} />
            <dt className="grow text-ink-soft">{t(`storage.kind.${kind}`)}</dt>
            <dd className="tabular">
              {size(bytes, language())}{' '}
              <span className="inline-block w-10 text-end text-ink-faint">{percent(share, language())}</span>
            </dd>
          </div>
        ))}
      </dl>
      {left <= 0 && (
        <div className="mt-4">
          <Message kind="bad">{t('storage.full')}</Message>
        </div>
      )}
    </Section>
  );
}
