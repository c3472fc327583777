import { CircleStop, RotateCcw } from 'lucide-react';
import { api, told } from '@/api/client';
import { useDeed } from '@/api/useDeed';
import { StatusChip } from '@/features/library/StatusChip';
import { language, t } from '@/i18n';
import { IconButton } from '@/ui/Button';
import { clock, stretch, wholeMoment } from '@/ui/format';
import { Cell } from '@/ui/Table';
import type { AdminJob } from './queries';

/** A job of anybody's. Its recording is not named: that is its owner's. */
export function JobRow({ job }: { job: AdminJob }) {
  const deed = useDeed(['admin', 'jobs'], ['admin', 'queues']);
  const path = { params: { path: { job_id: job.job_id } } };
  const active = job.state === 'queued' || job.state === 'running';
  const seconds = (Date.now() - new Date(job.queued_at).getTime()) / 1000;
  return (
    <tr>
      <Cell>
        <StatusChip status={job.state} small />
        {job.error_code && (
          <code className="mt-1 block text-xs text-danger" dir="ltr">
            {job.error_code}
          </code>
        )}
        {job.waits_for && <p className="mt-1 text-xs text-danger">{job.waits_for}</p>}
        {job.state === 'running' && (
          <p className="tabular mt-1 text-xs text-ink-faint">
            {t('jobs.at', { position: clock(job.position) })}
          </p>
        )}
      </Cell>
      <Cell className="max-w-40">
        <bdi className="block truncate">{job.owner.name}</bdi>
        <code className="text-2xs text-ink-faint" dir="ltr" title={job.job_id}>
          {job.job_id.slice(-12)}
        </code>
      </Cell>
      <Cell>
        {t(`queue.${job.queue}`)}
        <p className="text-xs text-ink-faint">
          <bdi>{job.engine}</bdi>
        </p>
      </Cell>
      <Cell className="whitespace-nowrap">
        <time dateTime={job.queued_at} title={wholeMoment(job.queued_at, language())}>
          {t('time.ago', { time: stretch(seconds, language()) })}
        </time>
      </Cell>
      <Cell end>{job.attempt}</Cell>
      <Cell end>
        {job.latest && active && (
          <IconButton
            icon={CircleStop}
            label={t('jobs.cancel', { id: job.job_id.slice(-12) })}
            disabled={deed.busy || job.cancel_requested}
            onClick={() =>
              void deed.run(
                () => told(api.POST('/api/v1/admin/jobs/{job_id}/cancel', path)),
                t('jobs.cancelled'),
              )
            }
          />
        )}
        {job.latest && !active && (
          <IconButton
            icon={RotateCcw}
            label={t('jobs.requeue', { id: job.job_id.slice(-12) })}
            disabled={deed.busy}
            onClick={() =>
              void deed.run(
                () => told(api.POST('/api/v1/admin/jobs/{job_id}/requeue', path)),
                t('library.retried', { n: 1 }),
              )
            }
          />
        )}
      </Cell>
    </tr>
  );
}
