import { api, told } from '@/api/client';
import { ApiError } from '@/api/errors';
import { useDeed } from '@/api/useDeed';
import { useT } from '@/i18n';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Field } from '@/ui/Field';
import { Message } from '@/ui/Message';
import { useForm } from '@/ui/useForm';
import { EVENTS, type Webhook, webhooksQuery } from './queries';

interface WebhookDialogProps {
  open: boolean;
  /** The one to change; null makes one. */
  webhook: Webhook | null;
  onClose: () => void;
  /** Told its secret, which is shown once. */
  onMade: (secret: string) => void;
}

export function WebhookDialog({ open, webhook, onClose, onMade }: WebhookDialogProps) {
  const t = useT();
  const deed = useDeed(webhooksQuery.queryKey);
  const { busy, error, onSubmit } = useForm(async (form) => {
    const events = EVENTS.filter((event) => form.getAll('event').includes(event));
    if (events.length === 0) throw new ApiError(422, 'no_events', t('webhooks.events.none'));
    const body = { url: String(form.get('url')).trim(), name: String(form.get('name')).trim(), events };
    if (webhook) {
      const path = { webhook_id: webhook.id };
      await deed.attempt(() => told(api.PATCH('/api/v1/webhooks/{webhook_id}', { params: { path }, body })));
      onClose();
      return;
    }
    const made = await deed.attempt(() =>
      told(api.POST('/api/v1/webhooks', { body: { ...body, enabled: true } })),
    );
    onClose();
    onMade(made.secret);
  });
  return (
    <Dialog
      title={webhook ? t('webhooks.change.title', { name: webhook.name }) : t('webhooks.make')}
      open={open}
      onClose={onClose}
    >
      <form onSubmit={onSubmit} className="grid gap-4">
        <Field
          label={t('webhooks.url')}
          name="url"
          type="url"
          dir="ltr"
          maxLength={2048}
          placeholder="https://"
          defaultValue={webhook?.url}
          required
        />
        <Field
          label={t('webhooks.name')}
          name="name"
          maxLength={100}
          defaultValue={webhook?.name ?? t('webhooks.name.usual')}
          required
        />
        <fieldset>
          <legend className="mb-1.5 text-sm font-medium">{t('webhooks.events')}</legend>
          <div className="grid gap-2">
            {EVENTS.map((event) => (
              <label key={event} className="flex cursor-pointer items-center gap-2 text-sm">
                <input
                  type="checkbox"
                  name="event"
                  value={event}
                  defaultChecked={webhook?.events.includes(event) ?? true}
                  className="size-4"
                />
                {t(`webhooks.event.${event}`)}
              </label>
            ))}
          </div>
        </fieldset>
        {error && <Message kind="bad">{error}</Message>}
        <div className="mt-2 flex justify-end gap-2">
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button type="submit" look="solid" busy={busy}>
            {t(webhook ? 'action.save' : 'webhooks.make')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
