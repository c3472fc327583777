import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Copy, KeyRound } from 'lucide-react';
import { useState } from 'react';
import { api, told } from '@/api/client';
import { keysQuery, meQuery } from '@/api/queries';
import type { Key } from '@/api/types';
import { language, useT } from '@/i18n';
import { Button } from '@/ui/Button';
import { copyText } from '@/ui/clipboard';
import { Dialog } from '@/ui/Dialog';
import { Field } from '@/ui/Field';
import { moment } from '@/ui/format';
import { Message } from '@/ui/Message';
import { Section } from '@/ui/Section';
import { say } from '@/ui/Toast';
import { useForm } from '@/ui/useForm';

const SCOPES = ['read', 'write', 'admin'] as const;

export function ApiKeys() {
  const t = useT();
  const client = useQueryClient();
  const keys = useQuery(keysQuery).data?.items.filter((key) => key.revoked_at === null);
  const me = useQuery(meQuery).data;
  const [made, setMade] = useState<string | null>(null);
  const [doomed, setDoomed] = useState<Key | null>(null);
  const refresh = () => client.invalidateQueries({ queryKey: keysQuery.queryKey });

  const { busy, error, onSubmit } = useForm(async (form) => {
    const scopes = SCOPES.filter((scope) => form.getAll('scope').includes(scope));
    const body = { name: String(form.get('name')), scopes };
    const { secret } = await told(api.POST('/api/v1/keys', { body }));
    setMade(secret);
    await refresh();
  });

  async function copy(text: string): Promise<void> {
    const copied = await copyText(text);
    say(t(copied ? 'action.copied' : 'recording.uncopied'), { bad: !copied });
  }

  async function revoke(key: Key): Promise<void> {
    setDoomed(null);
    await told(api.DELETE('/api/v1/keys/{key_id}', { params: { path: { key_id: key.id } } }));
    await refresh();
  }

  return (
    <>
      <Section title={t('settings.keys')} text={t('keys.text')}>
        {keys?.length === 0 && <p className="text-sm text-ink-faint">{t('keys.none')}</p>}
        <ul className="divide-y divide-line">
          {keys?.map((key) => (
            <li key={key.id} className="flex items-center gap-3 py-2.5">
              <KeyRound aria-hidden className="size-4.5 shrink-0 text-ink-faint" />
              <div className="min-w-0 grow">
                <p className="truncate font-medium">
                  <bdi>{key.name}</bdi>{' '}
                  <code className="ms-1 text-xs font-normal text-ink-faint">{key.prefix}…</code>
                </p>
                <p className="text-xs text-ink-faint">
                  {key.scopes.map((scope) => t(`keys.scope.${scope}`)).join(', ')} ·{' '}
                  {key.used_at ? t('keys.used', { date: moment(key.used_at, language()) }) : t('keys.unused')}
                </p>
              </div>
              <Button look="plain" onClick={() => setDoomed(key)}>
                {t('keys.revoke')}
              </Button>
            </li>
          ))}
        </ul>
      </Section>
      <Section title={t('keys.create')}>
        <form onSubmit={onSubmit} className="grid max-w-sm gap-4">
          <Field label={t('keys.name')} hint={t('keys.name.hint')} name="name" maxLength={200} required />
          <fieldset>
            <legend className="mb-1.5 text-sm font-medium">{t('keys.scopes')}</legend>
            <div className="flex flex-wrap gap-x-5 gap-y-2">
              {SCOPES.filter((scope) => me?.scopes.includes(scope)).map((scope) => (
                <label key={scope} className="flex cursor-pointer items-center gap-2 text-sm">
                  <input
                    type="checkbox"
                    name="scope"
                    value={scope}
                    defaultChecked={scope !== 'admin'}
                    className="size-4"
                  />
                  {t(`keys.scope.${scope}`)}
                </label>
              ))}
            </div>
          </fieldset>
          {error && <Message kind="bad">{error}</Message>}
          <Button type="submit" look="solid" busy={busy} className="justify-self-start">
            {t('keys.create')}
          </Button>
        </form>
      </Section>
      <Dialog title={t('keys.create')} open={made !== null} onClose={() => setMade(null)}>
        <p className="text-sm text-ink-soft">{t('keys.made')}</p>
        <code dir="ltr" className="mt-3 block rounded-md bg-raised p-3 text-sm break-all select-all">
          {made}
        </code>
        <div className="mt-5 flex justify-end">
          <Button look="solid" icon={Copy} onClick={() => void copy(made ?? '')}>
            {t('action.copy')}
          </Button>
        </div>
      </Dialog>
      <Dialog
        title={t('keys.revoke.title', { name: doomed?.name ?? '' })}
        open={doomed !== null}
        onClose={() => setDoomed(null)}
      >
        <p className="text-ink-soft">{t('keys.revoke.text')}</p>
        <div className="mt-6 flex justify-end gap-2">
          <Button onClick={() => setDoomed(null)}>{t('action.cancel')}</Button>
          <Button look="danger" onClick={() => doomed && void revoke(doomed)}>
            {t('keys.revoke')}
          </Button>
        </div>
      </Dialog>
    </>
  );
}
