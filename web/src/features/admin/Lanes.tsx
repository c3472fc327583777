import { Server } from 'lucide-react';
import type { components } from '@/api/generated/schema';
import { language, useT } from '@/i18n';
import { cx } from '@/ui/classes';
import { stretch } from '@/ui/format';
import { Message } from '@/ui/Message';
import { Section } from '@/ui/Section';

type JobQueues = components['schemas']['JobQueues'];

/** The queues, side by side: how many wait and run, and how long the first has waited. */
export function Lanes({ queues }: { queues: JobQueues }) {
  const t = useT();
  const used = queues.items.filter(
    (lane) => lane.queued + lane.running > 0 || lane.queue === 'cpu' || lane.workers > 0,
  );
  return (
    <>
      <ul className="mb-5 grid grid-cols-2 gap-3 xl:grid-cols-4">
        {used.map((lane) => {
          const idle = lane.queued + lane.running === 0;
          return (
            <li key={lane.queue} className="card p-4">
              <h2 className="text-sm font-medium text-ink-soft">{t(`queue.${lane.queue}`)}</h2>
              <p className="mt-2 flex items-baseline gap-2">
                <span className={cx('display tabular text-3xl', idle && 'text-ink-faint')}>
                  {lane.queued.toLocaleString(language())}
                </span>
                <span className="text-sm text-ink-soft">{t('queue.waiting')}</span>
              </p>
              <p className="tabular mt-1 text-sm text-ink-soft">{t('queue.running', { n: lane.running })}</p>
              <p className="tabular mt-1 text-xs text-ink-faint">
                {lane.queued > 0
                  ? t('queue.oldest', { time: stretch(lane.oldest_seconds, language()) })
                  : t('queue.workers', { n: lane.workers })}
              </p>
            </li>
          );
        })}
      </ul>
      {queues.stranded.length > 0 && (
        <div className="mb-5">
          <Message kind="bad">{t('queue.stranded', { what: queues.stranded.join('; ') })}</Message>
        </div>
      )}
    </>
  );
}

/** The processes that take jobs, each with a mark for every job it can do at once. */
export function Workers({ queues }: { queues: JobQueues }) {
  const t = useT();
  return (
    <Section title={t('workers.title')}>
      {queues.workers.length === 0 && <Message kind="bad">{t('workers.none')}</Message>}
      <ul className="divide-y divide-line">
        {queues.workers.map((worker) => (
          <li key={worker.id} className="flex flex-wrap items-center gap-x-4 gap-y-1.5 py-2.5 text-sm">
            <Server aria-hidden className="size-4.5 shrink-0 text-good" />
            <div className="min-w-0 grow">
              <bdi className="block truncate font-medium" title={worker.id}>
                {worker.host}
              </bdi>
              <p className="text-xs text-ink-faint">
                {worker.queues.map((queue) => t(`queue.${queue as 'cpu'}`)).join(', ')} ·{' '}
                {worker.engines ? worker.engines.join(', ') : t('workers.any')}
              </p>
            </div>
            <p className="flex items-center gap-2">
              <span aria-hidden className="flex gap-1">
                {Array.from({ length: Math.min(worker.slots, 16) }, (_, slot) => (
                  <span
                    // biome-ignore lint/suspicious/noArrayIndexKey: a slot is its place
                    key={slot}
                    className={cx(
                      'h-4 w-1.5 rounded-full',
                      slot < worker.busy ? 'animate-breathe bg-accent' : 'bg-line-strong',
                    )}
                  />
                ))}
              </span>
              <span className="tabular">{t('workers.busy', { busy: worker.busy, slots: worker.slots })}</span>
            </p>
          </li>
        ))}
      </ul>
    </Section>
  );
}
