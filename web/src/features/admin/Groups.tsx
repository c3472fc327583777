import { useQuery } from '@tanstack/react-query';
import { Trash2, UsersRound, X } from 'lucide-react';
import { useState } from 'react';
import { api, told } from '@/api/client';
import { useDeed } from '@/api/useDeed';
import { useT } from '@/i18n';
import { Button, IconButton } from '@/ui/Button';
import { Confirm } from '@/ui/Confirm';
import { Field, Select } from '@/ui/Field';
import { Message } from '@/ui/Message';
import { Section } from '@/ui/Section';
import { sentence } from '@/ui/sentence';
import { useForm } from '@/ui/useForm';
import { type Group, groupsQuery, type User, usersQuery } from './queries';

/** Groups, with which recordings can be shared. */
export function Groups() {
  const t = useT();
  const groups = useQuery(groupsQuery);
  const users = useQuery(usersQuery).data?.items ?? [];
  const deed = useDeed(groupsQuery.queryKey);
  const [doomed, setDoomed] = useState<Group | null>(null);
  const { busy, error, onSubmit } = useForm(async (form) => {
    const body = { name: String(form.get('name')).trim() };
    await deed.attempt(() => told(api.POST('/api/v1/groups', { body })));
  });

  return (
    <>
      <Section title={t('groups.make')} text={t('groups.text')}>
        <form onSubmit={onSubmit} className="grid items-end gap-3 sm:grid-cols-[minmax(0,1fr)_auto]">
          <Field label={t('groups.name')} name="name" maxLength={200} autoComplete="off" required />
          <Button type="submit" look="solid" busy={busy} className="min-h-10.5">
            {t('groups.make')}
          </Button>
        </form>
        {error && (
          <Message kind="bad" className="mt-3">
            {error}
          </Message>
        )}
      </Section>
      <Section title={t('admin.groups')}>
        {groups.error && <Message kind="bad">{sentence(groups.error)}</Message>}
        {groups.data?.items.length === 0 && <p className="text-sm text-ink-faint">{t('groups.none')}</p>}
        <ul className="divide-y divide-line">
          {groups.data?.items.map((group) => (
            <GroupRow key={group.id} group={group} users={users} onRemove={() => setDoomed(group)} />
          ))}
        </ul>
      </Section>
      <Confirm
        open={doomed !== null}
        title={t('groups.remove.title', { name: doomed?.name ?? '' })}
        text={<p>{t('groups.remove.text')}</p>}
        action={t('groups.remove')}
        onClose={() => setDoomed(null)}
        onConfirm={() => {
          const path = { group_id: doomed?.id ?? '' };
          return deed.attempt(() => told(api.DELETE('/api/v1/groups/{group_id}', { params: { path } })));
        }}
      />
    </>
  );
}

interface GroupRowProps {
  group: Group;
  users: User[];
  onRemove: () => void;
}

function GroupRow({ group, users, onRemove }: GroupRowProps) {
  const t = useT();
  const deed = useDeed(groupsQuery.queryKey);
  const member = (userId: string) => ({ params: { path: { group_id: group.id, user_id: userId } } });
  const others = users.filter((user) => !group.members.some(({ id }) => id === user.id));
  return (
    <li className="py-3.5">
      <div className="flex items-center gap-3">
        <UsersRound aria-hidden className="size-4.5 shrink-0 text-ink-faint" />
        <bdi className="min-w-0 grow truncate font-medium">{group.name}</bdi>
        <IconButton icon={Trash2} label={t('groups.remove.of', { name: group.name })} onClick={onRemove} />
      </div>
      <ul className="mt-2 flex flex-wrap items-center gap-1.5 ps-7.5">
        {group.members.map(({ id, name }) => (
          <li key={id} className="flex items-center rounded-full bg-raised ps-3 text-sm">
            <bdi className="max-w-48 truncate">{name}</bdi>
            <IconButton
              icon={X}
              label={t('groups.leave', { name, group: group.name })}
              className="size-7! rounded-full"
              disabled={deed.busy}
              onClick={() =>
                void deed.run(() =>
                  told(api.DELETE('/api/v1/groups/{group_id}/members/{user_id}', member(id))),
                )
              }
            />
          </li>
        ))}
        {others.length > 0 && (
          <li>
            <Select
              label={t('groups.join', { group: group.name })}
              value=""
              disabled={deed.busy}
              onChange={({ target }) =>
                void deed.run(() =>
                  told(api.PUT('/api/v1/groups/{group_id}/members/{user_id}', member(target.value))),
                )
              }
            >
              <option value="">{t('groups.add')}</option>
              {others.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </Select>
          </li>
        )}
      </ul>
    </li>
  );
}
