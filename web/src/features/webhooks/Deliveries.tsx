import { useQuery } from '@tanstack/react-query';
import { Check, Clock3, type LucideIcon, RotateCcw, TriangleAlert } from 'lucide-react';
import { api, told } from '@/api/client';
import { useDeed } from '@/api/useDeed';
import { language, t } from '@/i18n';
import { Badge, type Tone } from '@/ui/Badge';
import { IconButton } from '@/ui/Button';
import { moment, wholeMoment } from '@/ui/format';
import { Message } from '@/ui/Message';
import { sentence } from '@/ui/sentence';
import { type Delivery, deliveriesQuery } from './queries';

const LOOKS: Record<Delivery['state'], { icon: LucideIcon; tone: Tone }> = {
  pending: { icon: Clock3, tone: 'plain' },
  delivered: { icon: Check, tone: 'good' },
  failed: { icon: TriangleAlert, tone: 'bad' },
};

/** What a webhook was sent, newest first, and what its receiver said. */
export function Deliveries({ webhookId }: { webhookId: string }) {
  const found = useQuery(deliveriesQuery(webhookId));
  const deed = useDeed(['webhooks']);
  if (found.error) return <Message kind="bad">{sentence(found.error)}</Message>;
  if (!found.data) return null;
  if (found.data.items.length === 0) {
    return <p className="mt-3 text-sm text-ink-faint">{t('webhooks.deliveries.none')}</p>;
  }
  return (
    <ul
      aria-label={t('webhooks.deliveries')}
      className="mt-3 max-h-96 divide-y divide-line overflow-y-auto rounded-md border border-line bg-paper"
    >
      {found.data.items.map((delivery) => (
        <li key={delivery.id} className="px-3 py-2.5 text-sm">
          <div className="flex items-center gap-3">
            <Badge {...LOOKS[delivery.state]}>{t(`webhooks.delivery.${delivery.state}`)}</Badge>
            <span dir="ltr" className="min-w-0 grow truncate">
              {delivery.event}
            </span>
            <time
              dateTime={delivery.created_at}
              title={wholeMoment(delivery.created_at, language())}
              className="shrink-0 text-xs text-ink-faint"
            >
              {moment(delivery.created_at, language())}
            </time>
            <IconButton
              icon={RotateCcw}
              label={t('webhooks.redeliver', { event: delivery.event })}
              disabled={deed.busy || delivery.state === 'pending'}
              onClick={() =>
                void deed.run(
                  () =>
                    told(
                      api.POST('/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver', {
                        params: { path: { webhook_id: webhookId, delivery_id: delivery.id } },
                      }),
                    ),
                  t('webhooks.redelivered'),
                )
              }
            />
          </div>
          <Tries delivery={delivery} />
        </li>
      ))}
    </ul>
  );
}

function Tries({ delivery }: { delivery: Delivery }) {
  return (
    <details className="mt-1 text-xs text-ink-soft">
      <summary className="w-fit rounded-sm">
        {t('webhooks.tries', { n: delivery.tries.length })}
        {delivery.next_at && ` · ${t('webhooks.next', { date: moment(delivery.next_at, language()) })}`}
      </summary>
      <ul className="mt-2 grid gap-1.5">
        {delivery.tries.map((each) => (
          <li key={each.at}>
            <span className="tabular">{wholeMoment(each.at, language())}</span>
            {' · '}
            <strong className="font-medium">{each.status ?? each.error}</strong>
            {each.excerpt && (
              <code dir="auto" className="mt-0.5 block break-words">
                {each.excerpt}
              </code>
            )}
          </li>
        ))}
      </ul>
      <pre
        dir="ltr"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
        tabIndex={0}
        className="mt-2 overflow-x-auto rounded-md bg-raised p-2"
      >
        {JSON.stringify(delivery.payload, null, 2)}
      </pre>
    </details>
  );
}
