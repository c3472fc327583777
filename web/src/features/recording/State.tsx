import type { Result } from '@/api/types';
import { language, t } from '@/i18n';
import { percent } from '@/ui/format';
import { Message } from '@/ui/Message';
import { Progress } from '@/ui/Progress';

/** What is said where there is no text. */
export function emptyText(result: Result) {
  switch (result.status) {
    case 'queued':
      return 'recording.waiting.queue' as const;
    case 'running':
      return 'recording.waiting' as const;
    default:
      return 'recording.empty' as const;
  }
}

/** How far the work is, or why there is none. */
export function State({ result }: { result: Result }) {
  const { status, progress, error } = result;
  if (status === 'running') {
    const share = progress.duration ? progress.position / progress.duration : null;
    return (
      <div className="mt-4 flex items-center gap-3">
        <Progress
          share={share}
          label={t('progress.of', { percent: percent(share ?? 0, language()), title: result.title })}
          className="max-w-xs grow"
        />
        {share !== null && (
          <span className="tabular text-sm text-ink-soft">{percent(share, language())}</span>
        )}
      </div>
    );
  }
  if (status === 'failed') {
    return (
      <div className="mt-4 max-w-2xl">
        <Message kind="bad">
          <strong className="font-semibold">{t('recording.failed')}</strong> {error?.message}
        </Message>
      </div>
    );
  }
  if (status === 'cancelled') {
    return (
      <div className="mt-4 max-w-2xl">
        <Message kind="note">
          <strong className="font-semibold">{t('recording.cancelled')}</strong>{' '}
          {t('recording.cancelled.text')}
        </Message>
      </div>
    );
  }
  return null;
}
