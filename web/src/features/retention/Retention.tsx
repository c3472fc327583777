import { queryOptions, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { api, told } from '@/api/client';
import type { components } from '@/api/generated/schema';
import { language, useT } from '@/i18n';
import { Button } from '@/ui/Button';
import { Confirm } from '@/ui/Confirm';
import { Field } from '@/ui/Field';
import { size } from '@/ui/format';
import { Message } from '@/ui/Message';
import { Section } from '@/ui/Section';
import { sentence } from '@/ui/sentence';
import { say } from '@/ui/Toast';
import { daysOf, LONGEST, type Wish } from './days';

type Kept = components['schemas']['Retention'];

const retentionQuery = queryOptions({
  queryKey: ['retention'],
  queryFn: () => told(api.GET('/api/v1/me/retention')),
});

/** For how long recordings are kept; what would go is shown before anything does. */
export function Retention() {
  const t = useT();
  const found = useQuery(retentionQuery);
  return (
    <Section title={t('settings.retention')} text={t('retention.text')}>
      {found.error && <Message kind="bad">{sentence(found.error)}</Message>}
      {found.data && <Days key={found.dataUpdatedAt} kept={found.data} />}
    </Section>
  );
}

function Days({ kept }: { kept: Kept }) {
  const t = useT();
  const client = useQueryClient();
  const { chosen, server } = kept;
  const [media, setMedia] = useState(String(chosen.media_days ?? ''));
  const [recording, setRecording] = useState(String(chosen.recording_days ?? ''));
  const [asked, setAsked] = useState(false);
  const wish: Wish | null = daysOf(media, recording);
  const changed =
    wish !== null && (wish.media_days !== chosen.media_days || wish.recording_days !== chosen.recording_days);

  async function keep(): Promise<void> {
    if (wish === null) return;
    const now = await told(api.PATCH('/api/v1/me/retention', { body: wish }));
    client.setQueryData(retentionQuery.queryKey, now);
    say(t('retention.done'));
  }

  const limit = (days: number | null | undefined) =>
    days === null || days === undefined ? t('retention.unlimited') : t('retention.most', { n: days });
  return (
    <form
      className="grid gap-5"
      onSubmit={(event) => {
        event.preventDefault();
        if (changed) setAsked(true);
      }}
    >
      <div className="grid items-start gap-4 sm:grid-cols-2">
        <Field
          label={t('retention.media')}
          hint={`${t('retention.media.hint')} ${limit(server.media_days)}`}
          inputMode="numeric"
          placeholder={t('retention.ever')}
          value={media}
          onChange={({ target }) => setMedia(target.value)}
        />
        <Field
          label={t('retention.recording')}
          hint={`${t('retention.recording.hint')} ${limit(server.recording_days)}`}
          inputMode="numeric"
          placeholder={t('retention.ever')}
          value={recording}
          onChange={({ target }) => setRecording(target.value)}
        />
      </div>
      {wish === null ? (
        <Message kind="bad">{t('retention.wrong')}</Message>
      ) : (
        <Preview wish={wish} changed={changed} />
      )}
      <p className="text-sm text-ink-soft">
        {t('retention.held')}{' '}
        <Link to="/" search={{ held: true }} className="underline">
          {t('retention.held.list')}
        </Link>
      </p>
      <Button type="submit" look="solid" disabled={!changed} className="justify-self-start">
        {t('action.save')}
      </Button>
      <Confirm
        open={asked}
        title={t('retention.confirm.title')}
        text={wish && <Preview wish={wish} changed />}
        action={t('retention.confirm')}
        onClose={() => setAsked(false)}
        onConfirm={keep}
      />
    </form>
  );
}

/** What would go now, if that were chosen. */
function Preview({ wish, changed }: { wish: Wish; changed: boolean }) {
  const t = useT();
  // An address has no null: a century is as good as for ever, and what is left out means what was chosen.
  const query = {
    media_days: wish.media_days ?? LONGEST,
    recording_days: wish.recording_days ?? LONGEST,
  };
  const found = useQuery({
    queryKey: ['retention', 'preview', wish],
    queryFn: () => told(api.GET('/api/v1/me/retention/preview', { params: { query } })),
    enabled: wish.media_days !== null || wish.recording_days !== null,
  });
  if (wish.media_days === null && wish.recording_days === null) {
    return <p className="text-sm text-ink-soft">{t('retention.nothing')}</p>;
  }
  if (found.error) return <Message kind="bad">{sentence(found.error)}</Message>;
  if (!found.data) return <p className="text-sm text-ink-faint">…</p>;
  const { media, recordings, bytes } = found.data;
  if (media + recordings === 0) return <p className="text-sm text-ink-soft">{t('retention.nothing.now')}</p>;
  const parts = [
    recordings > 0 ? t('retention.go.recordings', { n: recordings }) : null,
    media > 0 ? t('retention.go.media', { n: media }) : null,
  ].filter((part) => part !== null);
  return (
    <Message kind={changed ? 'bad' : 'note'}>
      {t('retention.go', { what: parts.join(' · '), size: size(bytes, language()) })}
    </Message>
  );
}
