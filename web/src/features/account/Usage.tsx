import { useQuery } from '@tanstack/react-query';
import { usageQuery } from '@/api/queries';
import { language, type MessageKey, useT } from '@/i18n';
import { moment, size } from '@/ui/format';
import { Message } from '@/ui/Message';
import { Progress } from '@/ui/Progress';
import { Section } from '@/ui/Section';
import { sentence } from '@/ui/sentence';

interface Meter {
  label: MessageKey;
  used: number;
  allowed: number | null;
  write: (value: number) => string;
}

/** How much somebody has of what they may have. */
export function Usage() {
  const t = useT();
  const usage = useQuery({ ...usageQuery, refetchInterval: 10_000 });
  const { data } = usage;
  const plain = (value: number) => value.toLocaleString(language(), { maximumFractionDigits: 1 });
  const meters: Meter[] = data
    ? [
        { label: 'usage.storage', ...data.storage, write: (bytes) => size(bytes, language()) },
        { label: 'usage.minutes', ...data.minutes, write: plain },
        { label: 'usage.jobs', ...data.jobs, write: plain },
        { label: 'usage.uploads', ...data.uploads, write: plain },
      ]
    : [];
  return (
    <Section title={t('settings.usage')} text={t('usage.text')}>
      {usage.error && <Message kind="bad">{sentence(usage.error)}</Message>}
      <ul className="grid gap-6">
        {meters.map(({ label, used, allowed, write }) => (
          <li key={label}>
            <p className="mb-2 flex flex-wrap justify-between gap-x-4 text-sm">
              <span className="font-medium">{t(label)}</span>
              <span className="tabular text-ink-soft">
                {allowed === null
                  ? t('usage.unlimited', { used: write(used) })
                  : t('profile.storage.of', { used: write(used), limit: write(allowed) })}
              </span>
            </p>
            {allowed !== null && <Progress share={allowed > 0 ? used / allowed : 1} label={t(label)} />}
            {label === 'usage.minutes' && data && allowed !== null && (
              <p className="mt-1.5 text-xs text-ink-faint">
                {t('usage.reset', { date: moment(data.minutes_reset_at, language()) })}
              </p>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}
