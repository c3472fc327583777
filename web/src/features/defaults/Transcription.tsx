import { queryOptions, useQuery, useQueryClient } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { api, told } from '@/api/client';
import { language, useT } from '@/i18n';
import { Button } from '@/ui/Button';
import { Choice, LongField } from '@/ui/Field';
import { languageName } from '@/ui/format';
import { Message } from '@/ui/Message';
import { preferences } from '@/ui/preferences';
import { Section } from '@/ui/Section';
import { sentence } from '@/ui/sentence';
import { say } from '@/ui/Toast';
import { useForm } from '@/ui/useForm';
import { languagesIn, termsOf } from './languages';

const defaultsQuery = queryOptions({
  queryKey: ['defaults'],
  queryFn: () => told(api.GET('/api/v1/me/transcription-defaults')),
});

const enginesQuery = queryOptions({
  queryKey: ['engines'],
  queryFn: () => told(api.GET('/v1/models')),
});

/** What holds for recordings to come, where nobody says otherwise. */
export function Transcription() {
  const t = useT();
  const found = useQuery(defaultsQuery);
  return (
    <>
      <Section title={t('defaults.title')} text={t('defaults.text')}>
        {found.error && <Message kind="bad">{sentence(found.error)}</Message>}
        {found.data && <DefaultsForm key={found.dataUpdatedAt} said={found.data} />}
      </Section>
      <Engine />
    </>
  );
}

interface Said {
  language: string | null;
  vocabulary: string[];
  prompt: string | null;
}

function DefaultsForm({ said }: { said: Said }) {
  const t = useT();
  const client = useQueryClient();
  const { busy, error, onSubmit } = useForm(async (form) => {
    const body = {
      language: String(form.get('language')) || null,
      vocabulary: termsOf(String(form.get('vocabulary'))),
      prompt: String(form.get('prompt')).trim() || null,
    };
    const kept = await told(api.PATCH('/api/v1/me/transcription-defaults', { body }));
    client.setQueryData(defaultsQuery.queryKey, kept);
    say(t('defaults.done'));
  });
  return (
    <form onSubmit={onSubmit} className="grid gap-5">
      <Choice label={t('recording.language')} name="language" defaultValue={said.language ?? ''}>
        <option value="">{t('defaults.detect')}</option>
        <option value="mixed">{t('defaults.mixed')}</option>
        {languagesIn(language(), languageName).map(({ code, name }) => (
          <option key={code} value={code}>
            {name}
          </option>
        ))}
      </Choice>
      <LongField
        label={t('defaults.vocabulary')}
        hint={t('defaults.vocabulary.hint')}
        name="vocabulary"
        rows={5}
        dir="auto"
        spellCheck={false}
        defaultValue={said.vocabulary.join('\n')}
      />
      <LongField
        label={t('defaults.prompt')}
        hint={t('defaults.prompt.hint')}
        name="prompt"
        dir="auto"
        defaultValue={said.prompt ?? ''}
      />
      {error && <Message kind="bad">{error}</Message>}
      <Button type="submit" look="solid" busy={busy} className="justify-self-start">
        {t('action.save')}
      </Button>
    </form>
  );
}

/** Kept by this browser, and sent with what is added from it. */
function Engine() {
  const t = useT();
  const engines = useQuery(enginesQuery).data?.data ?? [];
  const chosen = useSyncExternalStore(preferences.subscribe, () => preferences.get().engine ?? '');
  const names = engines.map(({ id }) => id).filter((id) => id !== 'auto');
  return (
    <Section title={t('recording.engine')} text={t('defaults.engine.text')}>
      <Choice
        label={t('defaults.engine')}
        value={chosen}
        onChange={({ target }) => {
          preferences.change({ engine: target.value });
          say(t('defaults.done'));
        }}
      >
        <option value="">{t('defaults.engine.server')}</option>
        {chosen && !names.includes(chosen) && <option value={chosen}>{chosen}</option>}
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </Choice>
    </Section>
  );
}
