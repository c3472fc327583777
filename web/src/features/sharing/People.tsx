import { queryOptions, useQuery } from '@tanstack/react-query';
import { User, Users, X } from 'lucide-react';
import { useState } from 'react';
import { api, told } from '@/api/client';
import { useDeed } from '@/api/useDeed';
import { useT } from '@/i18n';
import { Button, IconButton } from '@/ui/Button';
import { Choice, Field, Select } from '@/ui/Field';
import { Message } from '@/ui/Message';
import { sentence } from '@/ui/sentence';
import { useForm } from '@/ui/useForm';

const ROLES = ['viewer', 'editor'] as const;
type Role = (typeof ROLES)[number];

const groupsQuery = queryOptions({
  queryKey: ['groups'],
  queryFn: () => told(api.GET('/api/v1/groups')),
});

function sharesQuery(id: string) {
  return queryOptions({
    queryKey: ['shares', id],
    queryFn: () =>
      told(api.GET('/api/v1/transcribe/{session_id}/shares', { params: { path: { session_id: id } } })),
  });
}

/** The people and groups who have it, and what they may do. */
export function People({ id }: { id: string }) {
  const t = useT();
  const shares = useQuery(sharesQuery(id));
  const groups = useQuery(groupsQuery).data?.items ?? [];
  const deed = useDeed(sharesQuery(id).queryKey);
  const [kind, setKind] = useState<'user' | 'group'>('user');
  const params = { path: { session_id: id } };
  const put = (body: { user?: string; group?: string; role: Role }) =>
    told(api.POST('/api/v1/transcribe/{session_id}/shares', { params, body }));

  const { busy, error, onSubmit } = useForm(async (form) => {
    const name = String(form.get('name')).trim();
    const role = form.get('role') as Role;
    await deed.attempt(() => put(kind === 'user' ? { user: name, role } : { group: name, role }));
  });

  return (
    <section>
      <h3 className="mb-2 text-sm font-semibold">{t('share.people')}</h3>
      {shares.error && <Message kind="bad">{sentence(shares.error)}</Message>}
      {shares.data?.items.length === 0 && <p className="mb-3 text-sm text-ink-faint">{t('share.none')}</p>}
      <ul className="mb-3 grid gap-1">
        {shares.data?.items.map((share) => {
          const name = share.user ?? share.group ?? '';
          const Icon = share.group ? Users : User;
          return (
            <li key={share.id} className="flex items-center gap-2.5">
              <Icon aria-hidden className="size-4 shrink-0 text-ink-faint" />
              <bdi className="min-w-0 grow truncate text-sm">{name}</bdi>
              <Select
                label={t('share.role.of', { name })}
                value={share.role}
                disabled={deed.busy}
                onChange={({ target }) => {
                  const role = target.value as Role;
                  void deed.run(() =>
                    put(share.user ? { user: share.user, role } : { group: share.group ?? '', role }),
                  );
                }}
              >
                {ROLES.map((role) => (
                  <option key={role} value={role}>
                    {t(`share.role.${role}`)}
                  </option>
                ))}
              </Select>
              <IconButton
                icon={X}
                label={t('share.end', { name })}
                disabled={deed.busy}
                onClick={() => {
                  const path = { session_id: id, share_id: share.id };
                  void deed.run(() =>
                    told(
                      api.DELETE('/api/v1/transcribe/{session_id}/shares/{share_id}', { params: { path } }),
                    ),
                  );
                }}
              />
            </li>
          );
        })}
      </ul>
      <form onSubmit={onSubmit} className="grid items-start gap-3 sm:grid-cols-2">
        <Choice
          label={t('share.with')}
          value={kind}
          onChange={({ target }) => setKind(target.value as 'user' | 'group')}
        >
          <option value="user">{t('share.with.person')}</option>
          {groups.length > 0 && <option value="group">{t('share.with.group')}</option>}
        </Choice>
        {kind === 'user' ? (
          <Field label={t('share.name')} name="name" maxLength={200} autoComplete="off" required />
        ) : (
          <Choice label={t('share.name')} name="name" required>
            {groups.map((group) => (
              <option key={group.id} value={group.name}>
                {group.name}
              </option>
            ))}
          </Choice>
        )}
        <Choice label={t('share.role')} name="role" defaultValue="viewer">
          {ROLES.map((role) => (
            <option key={role} value={role}>
              {t(`share.role.${role}`)}
            </option>
          ))}
        </Choice>
        <Button type="submit" look="solid" busy={busy} className="min-h-10.5 self-end">
          {t('share.submit')}
        </Button>
      </form>
      {error && (
        <Message kind="bad" className="mt-3">
          {error}
        </Message>
      )}
    </section>
  );
}
