import {
  ChevronDown,
  CircleCheck,
  CirclePause,
  Ellipsis,
  KeyRound,
  Pencil,
  Play,
  Send,
  Trash2,
  TriangleAlert,
} from 'lucide-react';
import { useId, useState } from 'react';
import { api, told } from '@/api/client';
import { useDeed } from '@/api/useDeed';
import { language, t } from '@/i18n';
import { Badge } from '@/ui/Badge';
import { Button, IconButton } from '@/ui/Button';
import { cx } from '@/ui/classes';
import { moment } from '@/ui/format';
import { Menu, MenuItem, MenuLine } from '@/ui/Menu';
import { say } from '@/ui/Toast';
import { Deliveries } from './Deliveries';
import { type Webhook, webhooksQuery } from './queries';

export type WebhookDeed = 'change' | 'rotate' | 'remove';

interface WebhookRowProps {
  webhook: Webhook;
  onDeed: (deed: WebhookDeed) => void;
}

/** A webhook, how it fares, and what it was sent. */
export function WebhookRow({ webhook, onDeed }: WebhookRowProps) {
  const [open, setOpen] = useState(false);
  const deed = useDeed(webhooksQuery.queryKey);
  const id = useId();
  const path = { params: { path: { webhook_id: webhook.id } } };

  async function test(): Promise<void> {
    await deed.run(async () => {
      const sent = await told(api.POST('/api/v1/webhooks/{webhook_id}/test', path));
      const last = sent.tries.at(-1);
      const answer = last?.status ?? last?.error ?? '';
      if (sent.state === 'delivered') say(t('webhooks.test.well', { answer: String(answer) }));
      else say(t('webhooks.test.badly', { answer: String(answer) }), { bad: true });
      setOpen(true);
    });
  }

  const turn = (enabled: boolean) =>
    deed.run(() => told(api.PATCH('/api/v1/webhooks/{webhook_id}', { ...path, body: { enabled } })));

  return (
    <li className="py-3.5">
      <div className="flex items-start gap-2">
        <div className="min-w-0 grow">
          <p className="flex flex-wrap items-center gap-2">
            <bdi className="truncate font-medium">{webhook.name}</bdi>
            <Standing webhook={webhook} />
          </p>
          <p dir="ltr" className="truncate text-start text-sm text-ink-soft" title={webhook.url}>
            {webhook.url}
          </p>
          <p className="mt-0.5 text-xs text-ink-faint">
            {webhook.events.map((event) => t(`webhooks.event.${event}`)).join(', ')}
          </p>
          {webhook.previous_secret_until && (
            <p className="mt-0.5 text-xs text-ink-faint">
              {t('webhooks.both', { date: moment(webhook.previous_secret_until, language()) })}
            </p>
          )}
        </div>
        <Menu
          items={
            <>
              <MenuItem icon={Pencil} onSelect={() => onDeed('change')}>
                {t('action.change')}
              </MenuItem>
              <MenuItem icon={KeyRound} onSelect={() => onDeed('rotate')}>
                {t('webhooks.rotate')}
              </MenuItem>
              <MenuItem
                icon={webhook.enabled ? CirclePause : Play}
                onSelect={() => void turn(!webhook.enabled)}
              >
                {t(webhook.enabled ? 'webhooks.off' : 'webhooks.on')}
              </MenuItem>
              <MenuLine />
              <MenuItem icon={Trash2} danger onSelect={() => onDeed('remove')}>
                {t('webhooks.remove')}
              </MenuItem>
            </>
          }
        >
          <IconButton icon={Ellipsis} label={t('action.more', { title: webhook.name })} />
        </Menu>
      </div>
      <div className="mt-2 flex flex-wrap gap-2">
        <Button icon={Send} busy={deed.busy} onClick={() => void test()}>
          {t('webhooks.test')}
        </Button>
        <Button look="plain" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
          {t('webhooks.deliveries')}
          <ChevronDown aria-hidden className={cx('size-4 transition-transform', open && 'rotate-180')} />
        </Button>
      </div>
      <div id={id}>{open && <Deliveries webhookId={webhook.id} />}</div>
    </li>
  );
}

function Standing({ webhook }: { webhook: Webhook }) {
  if (!webhook.enabled) {
    return (
      <Badge tone={webhook.disabled_for ? 'bad' : 'plain'} icon={CirclePause}>
        {t(webhook.disabled_for ? `webhooks.off.${webhook.disabled_for}` : 'webhooks.off.now')}
      </Badge>
    );
  }
  if (webhook.failing_since) {
    return (
      <Badge tone="warn" icon={TriangleAlert}>
        {t('webhooks.failing', { date: moment(webhook.failing_since, language()) })}
      </Badge>
    );
  }
  return (
    <Badge tone="good" icon={CircleCheck}>
      {webhook.waiting > 0 ? t('webhooks.waiting', { n: webhook.waiting }) : t('webhooks.well')}
    </Badge>
  );
}
