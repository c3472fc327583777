import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useT } from '@/i18n';
import { Badge, type Tone } from '@/ui/Badge';
import { Message } from '@/ui/Message';
import { Section } from '@/ui/Section';
import { sentence } from '@/ui/sentence';
import { Cell, Table } from '@/ui/Table';
import { serverSettingsQuery } from './queries';

const TONES = {
  default: 'plain',
  environment: 'accent',
  file: 'good',
  'command line': 'warn',
} as const satisfies Record<string, Tone>;

/** The settings as they hold. They are the operator's to change, where the server starts. */
export function ServerSettings() {
  const t = useT();
  const settings = useQuery(serverSettingsQuery);
  const [changed, setChanged] = useState(false);
  const [wanted, setWanted] = useState('');
  const items = (settings.data?.items ?? []).filter(
    (item) => !(changed && item.source === 'default') && item.name.includes(wanted.trim().toUpperCase()),
  );
  return (
    <Section title={t('admin.settings')} text={t('server.text')}>
      <div className="mb-4 flex flex-wrap items-center gap-x-5 gap-y-3">
        <input
          type="search"
          aria-label={t('server.search')}
          placeholder={t('server.search')}
          value={wanted}
          onChange={({ target }) => setWanted(target.value)}
          className="min-h-9 pointer-coarse:min-h-11 w-56 rounded-md border border-control bg-surface px-2.5 text-sm text-ink shadow-1 placeholder:text-ink-faint"
        />
        <label className="flex cursor-pointer items-center gap-2 text-sm">
          <input
            type="checkbox"
            className="size-4"
            checked={changed}
            onChange={({ target }) => setChanged(target.checked)}
          />
          {t('server.changed')}
        </label>
      </div>
      {settings.error && <Message kind="bad">{sentence(settings.error)}</Message>}
      {settings.data && items.length === 0 && <p className="text-sm text-ink-faint">{t('server.none')}</p>}
      {items.length > 0 && (
        <Table
          label={t('admin.settings')}
          heads={[{ text: t('server.name') }, { text: t('server.value') }, { text: t('server.source') }]}
        >
          {items.map((item) => (
            <tr key={item.name}>
              <Cell>
                <code dir="ltr" className="text-xs">
                  {item.name}
                </code>
              </Cell>
              <Cell className="max-w-80 break-words">
                <bdi>{item.value === null || item.value === '' ? '—' : String(item.value)}</bdi>
              </Cell>
              <Cell>
                <Badge tone={TONES[item.source]}>{t(`server.source.${item.source}`)}</Badge>
              </Cell>
            </tr>
          ))}
        </Table>
      )}
    </Section>
  );
}
