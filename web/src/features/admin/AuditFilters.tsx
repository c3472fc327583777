import { useQuery } from '@tanstack/react-query';
import { X } from 'lucide-react';
import { deed, useT } from '@/i18n';
import { Button } from '@/ui/Button';
import { Choice, Field } from '@/ui/Field';
import type { AuditSearch } from './audit';
import { usersQuery } from './queries';

/** The first words of what can be done: with one, all deeds of that kind are meant. */
const GROUPS = [
  'login',
  'password',
  'second_factor',
  'identity',
  'link',
  'user',
  'key',
  'upload',
  'recording',
  'comment',
  'share',
  'group',
  'batch',
  'job',
  'webhook',
  'retention',
  'defaults',
  'model',
  'audit',
  'backup',
] as const;

interface AuditFiltersProps {
  search: AuditSearch;
  onChange: (next: AuditSearch) => void;
}

export function AuditFilters({ search, onChange }: AuditFiltersProps) {
  const t = useT();
  const users = useQuery(usersQuery).data?.items ?? [];
  const named = users.some(({ id }) => id === search.actor);
  const count = Object.keys(search).length;
  return (
    <div className="flex flex-wrap items-end gap-3">
      <Choice
        label={t('audit.action')}
        value={search.action ?? ''}
        onChange={({ target }) => onChange({ ...search, action: target.value })}
      >
        <option value="">{t('audit.everything')}</option>
        {GROUPS.map((group) => (
          <option key={group} value={group}>
            {t(`audit.group.${group}`)}
          </option>
        ))}
        {search.action?.includes('.') && <option value={search.action}>{deed(search.action)}</option>}
      </Choice>
      <Choice
        label={t('audit.actor')}
        value={search.actor ?? ''}
        onChange={({ target }) => onChange({ ...search, actor: target.value })}
      >
        <option value="">{t('audit.everybody')}</option>
        {users.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
        <option value="anonymous">{t('audit.kind.anonymous')}</option>
        <option value="command line">{t('audit.kind.command line')}</option>
        <option value="server">{t('audit.kind.server')}</option>
        {search.actor && !named && !['anonymous', 'command line', 'server'].includes(search.actor) && (
          <option value={search.actor}>{search.actor}</option>
        )}
      </Choice>
      <Field
        type="date"
        label={t('filter.since')}
        defaultValue={search.since}
        max={search.until}
        onChange={({ target }) => onChange({ ...search, since: target.value })}
      />
      <Field
        type="date"
        label={t('filter.until')}
        defaultValue={search.until}
        min={search.since}
        onChange={({ target }) => onChange({ ...search, until: target.value })}
      />
      {count > 0 && (
        <Button look="plain" icon={X} className="min-h-10.5" onClick={() => onChange({})}>
          {t('filter.count', { n: count })}
        </Button>
      )}
    </div>
  );
}
