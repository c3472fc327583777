import { useQuery } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import { api, told } from '@/api/client';
import { useDeed } from '@/api/useDeed';
import { useT } from '@/i18n';
import { Button } from '@/ui/Button';
import { Confirm } from '@/ui/Confirm';
import { Message } from '@/ui/Message';
import { Secret } from '@/ui/Secret';
import { Section } from '@/ui/Section';
import { sentence } from '@/ui/sentence';
import { type Webhook, webhooksQuery } from './queries';
import { WebhookDialog } from './WebhookDialog';
import { type WebhookDeed, WebhookRow } from './WebhookRow';

/** Addresses that are told what happens to one's recordings. */
export function Webhooks() {
  const t = useT();
  const webhooks = useQuery(webhooksQuery);
  const deed = useDeed(webhooksQuery.queryKey);
  const [secret, setSecret] = useState<string | null>(null);
  const [asked, setAsked] = useState<{ deed: WebhookDeed; webhook: Webhook } | null>(null);
  const [making, setMaking] = useState(false);

  async function confirm(): Promise<void> {
    if (!asked) return;
    const path = { params: { path: { webhook_id: asked.webhook.id } } };
    if (asked.deed === 'remove') {
      await deed.attempt(() => told(api.DELETE('/api/v1/webhooks/{webhook_id}', path)));
      return;
    }
    const made = await deed.attempt(() =>
      told(api.POST('/api/v1/webhooks/{webhook_id}/rotate', { ...path, body: { overlap_hours: 24 } })),
    );
    setSecret(made.secret);
  }

  const question = asked && asked.deed !== 'change' ? { deed: asked.deed, webhook: asked.webhook } : null;
  return (
    <Section title={t('settings.webhooks')} text={t('webhooks.text')}>
      {webhooks.error && <Message kind="bad">{sentence(webhooks.error)}</Message>}
      {webhooks.data?.items.length === 0 && (
        <p className="mb-4 text-sm text-ink-faint">{t('webhooks.none')}</p>
      )}
      <ul className="mb-4 divide-y divide-line">
        {webhooks.data?.items.map((webhook) => (
          <WebhookRow
            key={webhook.id}
            webhook={webhook}
            onDeed={(what) => setAsked({ deed: what, webhook })}
          />
        ))}
      </ul>
      <Button look="solid" icon={Plus} onClick={() => setMaking(true)}>
        {t('webhooks.make')}
      </Button>
      <WebhookDialog
        open={making || asked?.deed === 'change'}
        webhook={asked?.webhook ?? null}
        onClose={() => {
          setMaking(false);
          setAsked(null);
        }}
        onMade={setSecret}
      />
      <Confirm
        open={question !== null}
        danger={question?.deed === 'remove'}
        title={question ? t(`webhooks.${question.deed}.title`, { name: question.webhook.name }) : ''}
        text={question && <p>{t(`webhooks.${question.deed}.text`)}</p>}
        action={question ? t(`webhooks.${question.deed}`) : ''}
        onClose={() => setAsked(null)}
        onConfirm={confirm}
      />
      <Secret
        title={t('webhooks.secret')}
        text={t('webhooks.secret.text')}
        secret={secret}
        onClose={() => setSecret(null)}
      />
    </Section>
  );
}
