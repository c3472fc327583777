import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Status } from '@/api/types';
import { useT } from '@/i18n';
import { Button } from '@/ui/Button';
import { Select } from '@/ui/Field';
import { Message } from '@/ui/Message';
import { Section } from '@/ui/Section';
import { sentence } from '@/ui/sentence';
import { Table } from '@/ui/Table';
import { JobRow } from './JobRow';
import { Lanes, Workers } from './Lanes';
import { type JobQueue, jobsQuery, queuesQuery } from './queries';

const STATES: readonly Status[] = ['queued', 'running', 'completed', 'failed', 'cancelled'];
const QUEUES: readonly JobQueue[] = ['cpu', 'gpu', 'remote', 'llm'];

/** All users' work: what waits, who does it, and what became of it. Never what it is about. */
export function Jobs() {
  const t = useT();
  const queues = useQuery(queuesQuery);
  const [state, setState] = useState<Status | null>(null);
  const [queue, setQueue] = useState<JobQueue | null>(null);
  // The pages that led here: where each begins.
  const [pages, setPages] = useState<string[]>([]);
  const jobs = useQuery(jobsQuery({ state, queue, before: pages.at(-1) ?? null }));
  const { error } = queues.error ? queues : jobs;
  const next = jobs.data?.next ?? null;
  return (
    <>
      {error && (
        <div className="mb-5">
          <Message kind="bad">{sentence(error)}</Message>
        </div>
      )}
      {queues.data && (
        <>
          <Lanes queues={queues.data} />
          <Workers queues={queues.data} />
        </>
      )}
      <Section title={t('jobs.title')} text={t('jobs.text')}>
        <div className="mb-3 flex flex-wrap gap-2">
          <Select
            label={t('library.filter')}
            value={state ?? ''}
            onChange={({ target }) => {
              setState((target.value || null) as Status | null);
              setPages([]);
            }}
          >
            <option value="">{t('jobs.every.state')}</option>
            {STATES.map((each) => (
              <option key={each} value={each}>
                {t(`status.${each}`)}
                {queues.data ? ` (${(queues.data.states[each] ?? 0).toLocaleString()})` : ''}
              </option>
            ))}
          </Select>
          <Select
            label={t('jobs.queue')}
            value={queue ?? ''}
            onChange={({ target }) => {
              setQueue((target.value || null) as JobQueue | null);
              setPages([]);
            }}
          >
            <option value="">{t('jobs.every.queue')}</option>
            {QUEUES.map((each) => (
              <option key={each} value={each}>
                {t(`queue.${each}`)}
              </option>
            ))}
          </Select>
        </div>
        {jobs.data?.items.length === 0 && <p className="py-8 text-center text-ink-soft">{t('jobs.none')}</p>}
        {jobs.data && jobs.data.items.length > 0 && (
          <Table
            label={t('jobs.title')}
            heads={[
              { text: t('library.filter') },
              { text: t('jobs.owner') },
              { text: t('jobs.queue') },
              { text: t('jobs.since') },
              { text: t('jobs.tries'), end: true },
              { text: t('jobs.deeds'), hidden: true },
            ]}
          >
            {jobs.data.items.map((job) => (
              <JobRow key={job.job_id} job={job} />
            ))}
          </Table>
        )}
        {(pages.length > 0 || next) && (
          <div className="mt-4 flex justify-end gap-2">
            <Button disabled={pages.length === 0} onClick={() => setPages(pages.slice(0, -1))}>
              {t('page.newer')}
            </Button>
            <Button disabled={next === null} onClick={() => next && setPages([...pages, next])}>
              {t('page.older')}
            </Button>
          </div>
        )}
      </Section>
    </>
  );
}
