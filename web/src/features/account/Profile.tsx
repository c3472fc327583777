import { useQuery, useQueryClient } from '@tanstack/react-query';
import { LogOut } from 'lucide-react';
import { api } from '@/api/client';
import { meQuery, usageQuery } from '@/api/queries';
import { session } from '@/api/session';
import { language, useT } from '@/i18n';
import { Button } from '@/ui/Button';
import { size } from '@/ui/format';
import { Progress } from '@/ui/Progress';
import { Section } from '@/ui/Section';

export function Profile() {
  const t = useT();
  const client = useQueryClient();
  const me = useQuery(meQuery).data;
  const usage = useQuery(usageQuery).data;

  async function leave(everywhere: boolean): Promise<void> {
    if (everywhere) await api.POST('/api/v1/auth/logout-everywhere');
    else await api.POST('/api/v1/auth/logout', { body: {} });
    client.clear();
    session.set('out');
  }

  const stored = usage?.storage;
  return (
    <>
      <Section title={t('settings.profile')}>
        {me && (
          <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-2 text-base">
            <dt className="text-ink-faint">{t('profile.name')}</dt>
            <dd className="font-medium">
              <bdi>{me.name}</bdi>
            </dd>
            <dt className="text-ink-faint">{t('profile.role')}</dt>
            <dd>{t(me.scopes.includes('admin') ? 'profile.role.admin' : 'profile.role.user')}</dd>
          </dl>
        )}
        {stored && (
          <div className="mt-5">
            <p className="mb-2 flex justify-between text-sm">
              <span className="text-ink-faint">{t('profile.storage')}</span>
              <span className="tabular">
                {stored.allowed === null
                  ? t('profile.storage.used', { used: size(stored.used, language()) })
                  : t('profile.storage.of', {
                      used: size(stored.used, language()),
                      limit: size(stored.allowed, language()),
                    })}
              </span>
            </p>
            {stored.allowed !== null && (
              <Progress
                share={stored.allowed ? stored.used / stored.allowed : 1}
                label={t('profile.storage')}
              />
            )}
          </div>
        )}
      </Section>
      <Section title={t('profile.signout')} text={t('profile.signout.all.text')}>
        <div className="flex flex-wrap gap-2">
          <Button icon={LogOut} onClick={() => void leave(false)}>
            {t('profile.signout')}
          </Button>
          <Button look="plain" onClick={() => void leave(true)}>
            {t('profile.signout.all')}
          </Button>
        </div>
      </Section>
    </>
  );
}
