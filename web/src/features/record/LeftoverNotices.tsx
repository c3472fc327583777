import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { CircleCheck, Download, LoaderCircle, TriangleAlert, X } from 'lucide-react';
import { useEffect, useSyncExternalStore } from 'react';
import { meQuery } from '@/api/queries';
import { language, useT } from '@/i18n';
import { IconButton } from '@/ui/Button';
import { moment, stretch } from '@/ui/format';
import { discard, dismiss, type Leftover, leftovers, rescue } from './leftovers';
import { download } from './times';

/** What became of recordings that were cut off. */
export function LeftoverNotices() {
  const me = useQuery(meQuery).data;
  const found = useSyncExternalStore(leftovers.subscribe, leftovers.get);
  useEffect(() => {
    if (me) void rescue(me.id);
  }, [me]);
  return found.map((each) => <Notice key={each.id} leftover={each} />);
}

function Notice({ leftover }: { leftover: Leftover }) {
  const t = useT();
  const { id, phase, recordingId, reason, whole, title } = leftover;
  const values = {
    length: stretch(leftover.seconds, language()),
    time: moment(new Date(leftover.at).toISOString(), language()),
  };
  const Icon = phase === 'sending' ? LoaderCircle : phase === 'done' ? CircleCheck : TriangleAlert;
  return (
    <div
      role="status"
      className="mx-4 mt-4 flex items-start gap-3 rounded-lg border border-line bg-surface px-4 py-3 text-sm shadow-1 sm:mx-6 lg:me-10"
    >
      <Icon
        aria-hidden
        className={
          phase === 'sending'
            ? 'mt-0.5 size-4.5 shrink-0 animate-spin text-accent'
            : phase === 'done'
              ? 'mt-0.5 size-4.5 shrink-0 text-good'
              : 'mt-0.5 size-4.5 shrink-0 text-danger'
        }
      />
      <div className="grid grow gap-1">
        <p>
          {t(`record.left.${phase}`, values)}
          {phase === 'refused' && reason ? ` ${reason}` : ''}
        </p>
        <p className="flex flex-wrap gap-4">
          {recordingId && (
            <Link
              to="/recordings/$id"
              params={{ id: recordingId }}
              className="font-medium text-accent-strong underline underline-offset-3"
            >
              {t('record.left.open', { title })}
            </Link>
          )}
          {whole && (
            <button
              type="button"
              className="inline-flex items-center gap-1.5 font-medium text-accent-strong underline underline-offset-3"
              onClick={() => download(whole(), 'recording')}
            >
              <Download aria-hidden className="size-4" />
              {t('record.download')}
            </button>
          )}
          {phase === 'refused' && (
            <button
              type="button"
              className="font-medium text-danger underline underline-offset-3"
              onClick={() => void discard(id)}
            >
              {t('record.left.discard')}
            </button>
          )}
        </p>
      </div>
      {phase === 'done' && (
        <IconButton icon={X} label={t('action.close')} onClick={() => dismiss(id)} className="-m-1.5" />
      )}
    </div>
  );
}
