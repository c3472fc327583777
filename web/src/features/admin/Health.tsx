import { useQuery } from '@tanstack/react-query';
import { CircleAlert, CircleCheck, CircleMinus, CircleX, type LucideIcon } from 'lucide-react';
import { language, type MessageKey, useT } from '@/i18n';
import { cx } from '@/ui/classes';
import { stretch } from '@/ui/format';
import { Message } from '@/ui/Message';
import { Section } from '@/ui/Section';
import { sentence } from '@/ui/sentence';
import { Cell, Table } from '@/ui/Table';
import { type AdminHealth, healthQuery } from './queries';

type Standing = AdminHealth['status'];
const LOOKS: Record<Standing | 'absent', { icon: LucideIcon; look: string }> = {
  ok: { icon: CircleCheck, look: 'text-good' },
  degraded: { icon: CircleAlert, look: 'text-amber-ink' },
  down: { icon: CircleX, look: 'text-danger' },
  absent: { icon: CircleMinus, look: 'text-ink-faint' },
};
/** What to do about a part that is not well. */
const ADVICE: Record<string, MessageKey> = {
  database: 'health.do.database',
  storage: 'health.do.storage',
  worker: 'health.do.worker',
  broker: 'health.do.broker',
};

/** How each part is; and where one is not well, what to do next. */
export function Health() {
  const t = useT();
  const health = useQuery(healthQuery);
  if (health.error && !health.data) return <Message kind="bad">{sentence(health.error)}</Message>;
  if (!health.data) return null;
  const { status, components, queue, hosts, checks } = health.data;
  const { icon: Icon, look } = LOOKS[status];
  const faults = checks.filter((check) => check.count > 0);
  return (
    <>
      <section className="card mb-5 flex items-center gap-4 p-5 sm:p-6">
        <Icon aria-hidden className={cx('size-9 shrink-0', look)} />
        <div>
          <h2 className="display text-xl">{t(`health.${status}`)}</h2>
          <p className="text-sm text-ink-soft">
            {t('health.queue', { queued: queue.queued, running: queue.running })}
            {queue.queued > 0 &&
              ` · ${t('queue.oldest', { time: stretch(queue.oldest_seconds, language()) })}`}
          </p>
        </div>
      </section>
      <Section title={t('health.parts')}>
        <ul className="divide-y divide-line">
          {Object.entries(components).map(([name, part]) => (
            <Part key={name} name={name} {...part} />
          ))}
        </ul>
      </Section>
      <Section title={t('health.checks')} text={t('health.checks.text')}>
        {faults.length === 0 && (
          <p className="flex items-center gap-2.5 text-sm">
            <CircleCheck aria-hidden className="size-4.5 text-good" />
            {t('health.sound', { n: checks.length })}
          </p>
        )}
        <ul className="grid gap-3">
          {faults.map((check) => (
            <li key={check.promise}>
              <Message kind="bad">
                <p className="font-medium">
                  {check.promise} ({check.count.toLocaleString(language())})
                </p>
                <ul className="mt-1 list-disc ps-4">
                  {check.faults.map((fault) => (
                    <li key={fault} dir="auto" className="break-words">
                      {fault}
                    </li>
                  ))}
                </ul>
                <p className="mt-2">{t('health.do.doctor')}</p>
              </Message>
            </li>
          ))}
        </ul>
      </Section>
      {hosts.length > 0 && (
        <Section title={t('health.hosts')}>
          <Table
            label={t('health.hosts')}
            heads={[
              { text: t('recording.engine') },
              { text: t('health.processes'), end: true },
              { text: t('health.busy'), end: true },
              { text: t('health.deaths'), end: true },
            ]}
          >
            {hosts.map((host) => (
              <tr key={host.engine}>
                <Cell>
                  <bdi>{host.engine}</bdi>
                </Cell>
                <Cell end>{host.hosts}</Cell>
                <Cell end>{host.busy}</Cell>
                <Cell end>{host.deaths}</Cell>
              </tr>
            ))}
          </Table>
        </Section>
      )}
    </>
  );
}

function Part({ name, status, detail }: { name: string; status: Standing; detail: string }) {
  const t = useT();
  // An engine that is not set up is no fault of the server, nor is it well.
  const standing = status === 'ok' && detail.startsWith('absent:') ? 'absent' : status;
  const { icon: Icon, look } = LOOKS[standing];
  const advice = status === 'ok' ? undefined : ADVICE[name];
  const known = name in ADVICE ? t(`health.part.${name as 'worker'}`) : name.replace(/^engine:/, '');
  return (
    <li className="flex items-start gap-3 py-2.5">
      <Icon aria-label={t(`health.is.${standing}`)} className={cx('mt-0.5 size-4.5 shrink-0', look)} />
      <div className="min-w-0 grow sm:flex sm:items-baseline sm:gap-4">
        <p className="w-36 shrink-0 font-medium">
          <bdi>{known}</bdi>
        </p>
        <div className="min-w-0">
          <p dir="auto" className="text-sm break-words text-ink-soft">
            {detail}
          </p>
          {advice && <p className="mt-1 text-sm">{t(advice)}</p>}
        </div>
      </div>
    </li>
  );
}
