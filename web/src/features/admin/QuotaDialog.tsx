import { api, told } from '@/api/client';
import { ApiError } from '@/api/errors';
import { useDeed } from '@/api/useDeed';
import { useT } from '@/i18n';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Field } from '@/ui/Field';
import { Message } from '@/ui/Message';
import { say } from '@/ui/Toast';
import { useForm } from '@/ui/useForm';
import { type User, usersQuery } from './queries';
import { LIMITS, meant, written } from './quotas';

interface QuotaDialogProps {
  user: User | null;
  onClose: () => void;
}

/** How much one user may have. */
export function QuotaDialog({ user, onClose }: QuotaDialogProps) {
  const t = useT();
  const deed = useDeed(usersQuery.queryKey);
  const { busy, error, onSubmit } = useForm(async (form) => {
    if (!user) return;
    const quota = Object.fromEntries(LIMITS.map((limit) => [limit, meant(limit, String(form.get(limit)))]));
    if (Object.values(quota).some(Number.isNaN)) throw new ApiError(422, 'no_number', t('quota.wrong'));
    const body = { quota };
    const path = { user_id: user.id };
    await deed.attempt(() => told(api.PATCH('/api/v1/users/{user_id}', { params: { path }, body })));
    say(t('quota.done'));
    onClose();
  });
  return (
    <Dialog title={user ? t('quota.title', { name: user.name }) : ''} open={user !== null} onClose={onClose}>
      <p className="mb-4 text-sm text-ink-soft">{t('quota.text')}</p>
      <form onSubmit={onSubmit} className="grid gap-4">
        <div className="grid items-start gap-4 sm:grid-cols-2">
          {LIMITS.map((limit) => (
            <Field
              key={limit}
              label={t(`quota.${limit}`)}
              name={limit}
              inputMode="decimal"
              placeholder={t('quota.server')}
              defaultValue={written(limit, user?.quota[limit])}
            />
          ))}
        </div>
        {error && <Message kind="bad">{error}</Message>}
        <div className="mt-2 flex justify-end gap-2">
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button type="submit" look="solid" busy={busy}>
            {t('action.save')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
