import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, told } from '@/api/client';
import { useDeed } from '@/api/useDeed';
import { type MessageKey, useT } from '@/i18n';
import { Button } from '@/ui/Button';
import { Confirm } from '@/ui/Confirm';
import { Choice, Field } from '@/ui/Field';
import { Message } from '@/ui/Message';
import { Secret } from '@/ui/Secret';
import { Section } from '@/ui/Section';
import { sentence } from '@/ui/sentence';
import { Table } from '@/ui/Table';
import { useForm } from '@/ui/useForm';
import { Person, type PersonDeed } from './Person';
import { QuotaDialog } from './QuotaDialog';
import { type User, usersQuery } from './queries';

const byId = (user: User) => ({ params: { path: { user_id: user.id } } });

interface Asked<D extends PersonDeed = PersonDeed> {
  deed: D;
  user: User;
}
type Question = Asked<Exclude<PersonDeed, 'quota'>>;

function questionOf(asked: Asked | null): Question | null {
  return asked && asked.deed !== 'quota' ? { deed: asked.deed, user: asked.user } : null;
}

function actionOf({ deed, user }: Question): MessageKey {
  if (deed === 'role') return user.role === 'admin' ? 'people.role.less' : 'people.role.more';
  return `people.${deed}`;
}

/** Who there is, and what an admin may do for them. */
export function People() {
  const t = useT();
  const people = useQuery(usersQuery);
  const deed = useDeed(usersQuery.queryKey);
  const [link, setLink] = useState<{ name: string; link: string } | null>(null);
  const [asked, setAsked] = useState<Asked | null>(null);

  const change = (user: User, body: { role?: User['role']; disabled?: boolean }) =>
    deed.attempt(() => told(api.PATCH('/api/v1/users/{user_id}', { ...byId(user), body })));

  async function confirm({ deed: what, user }: Question): Promise<void> {
    if (what === 'reset') {
      const made = await deed.attempt(() => told(api.POST('/api/v1/users/{user_id}/reset', byId(user))));
      setLink({ name: made.user.name, link: made.link });
    } else if (what === 'factor') {
      await deed.attempt(() => told(api.DELETE('/api/v1/users/{user_id}/second-factor', byId(user))));
    } else if (what === 'disable') await change(user, { disabled: true });
    else if (what === 'enable') await change(user, { disabled: false });
    else await change(user, { role: user.role === 'admin' ? 'user' : 'admin' });
  }

  const { busy, error, onSubmit } = useForm(async (form) => {
    const body = { name: String(form.get('name')).trim(), role: form.get('role') as User['role'] };
    const made = await deed.attempt(() => told(api.POST('/api/v1/users', { body })));
    setLink({ name: made.user.name, link: made.link });
  });

  const question = questionOf(asked);
  return (
    <>
      <Section title={t('people.invite')} text={t('people.invite.text')}>
        <form onSubmit={onSubmit} className="grid items-end gap-3 sm:grid-cols-[minmax(0,1fr)_auto_auto]">
          <Field label={t('people.name')} name="name" maxLength={200} autoComplete="off" required />
          <Choice label={t('people.role')} name="role" defaultValue="user">
            <option value="user">{t('profile.role.user')}</option>
            <option value="admin">{t('profile.role.admin')}</option>
          </Choice>
          <Button type="submit" look="solid" busy={busy} className="min-h-10.5">
            {t('people.invite.submit')}
          </Button>
        </form>
        {error && (
          <Message kind="bad" className="mt-3">
            {error}
          </Message>
        )}
      </Section>
      <Section title={t('admin.people')}>
        {people.error && <Message kind="bad">{sentence(people.error)}</Message>}
        {people.data && (
          <Table
            label={t('admin.people')}
            heads={[
              { text: t('people.name') },
              { text: t('people.role') },
              { text: t('people.state') },
              { text: t('people.since') },
              { text: t('people.deeds'), hidden: true },
            ]}
          >
            {people.data.items.map((user) => (
              <Person key={user.id} user={user} onDeed={(what) => setAsked({ deed: what, user })} />
            ))}
          </Table>
        )}
      </Section>
      <Confirm
        open={question !== null}
        danger={question?.deed !== 'enable'}
        title={question ? t(`people.${question.deed}.title`, { name: question.user.name }) : ''}
        text={question && <p>{t(`people.${question.deed}.text`)}</p>}
        action={question ? t(actionOf(question)) : ''}
        onClose={() => setAsked(null)}
        onConfirm={async () => {
          if (question) await confirm(question);
        }}
      />
      <QuotaDialog user={asked?.deed === 'quota' ? asked.user : null} onClose={() => setAsked(null)} />
      <Secret
        title={link ? t('people.link.title', { name: link.name }) : ''}
        text={t('people.link.text')}
        secret={link?.link ?? null}
        onClose={() => setLink(null)}
      />
    </>
  );
}
