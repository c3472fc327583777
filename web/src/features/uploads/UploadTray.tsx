import { Link } from '@tanstack/react-router';
import { Pause, Play, RotateCcw, X } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { language, t, useT } from '@/i18n';
import { Button, IconButton } from '@/ui/Button';
import { percent, size, stretch } from '@/ui/format';
import { Progress } from '@/ui/Progress';
import { timeLeft, type Upload } from './queue';
import { clearFinished, pause, remove, resume, uploadStore } from './uploads';

const SHOWN = 6;

/** What is on its way to the server. */
export function UploadTray() {
  const t = useT();
  const uploads = useSyncExternalStore(uploadStore.subscribe, uploadStore.get);
  if (uploads.length === 0) return null;
  const open = uploads.filter((upload) => upload.phase !== 'done');
  const shown = [...open, ...uploads.filter((upload) => upload.phase === 'done')];
  return (
    <section aria-label={t('upload.title')} className="card mt-5 animate-rise overflow-hidden shadow-2">
      <div className="flex items-center justify-between gap-3 border-b border-line px-4 py-2">
        <h2 className="text-sm font-semibold">
          {t('upload.title')}
          <span className="tabular ms-2 font-normal text-ink-faint">
            {uploads.length - open.length}/{uploads.length}
          </span>
        </h2>
        {open.length < uploads.length && (
          <Button look="plain" onClick={clearFinished}>
            {t('upload.clear')}
          </Button>
        )}
      </div>
      <ul className="max-h-96 overflow-y-auto">
        {shown.slice(0, Math.max(SHOWN, open.length)).map((upload) => (
          <Line key={upload.id} upload={upload} />
        ))}
      </ul>
    </section>
  );
}

function Line({ upload }: { upload: Upload }) {
  const { id, file, phase } = upload;
  const share = file.size ? upload.sent / file.size : 0;
  const title = file.name;
  return (
    <li className="flex items-center gap-3 border-b border-line px-4 py-2.5 last:border-0">
      <div className="min-w-0 grow">
        <div className="flex items-baseline gap-3">
          <p className="truncate text-sm font-medium">
            <bdi>{title}</bdi>
          </p>
          <p className="tabular shrink-0 text-xs text-ink-faint">{size(file.size, language())}</p>
        </div>
        {phase !== 'done' && phase !== 'refused' && (
          <Progress
            share={phase === 'checking' ? null : share}
            label={t('progress.of', { percent: percent(share, language()), title })}
            className="my-1.5"
          />
        )}
        <State upload={upload} share={share} />
      </div>
      {(phase === 'sending' || phase === 'retrying') && (
        <IconButton icon={Pause} label={t('upload.pause', { title })} onClick={() => pause(id)} />
      )}
      {phase === 'paused' && (
        <IconButton icon={Play} label={t('upload.resume', { title })} onClick={() => resume(id)} />
      )}
      {phase === 'refused' && upload.retriable && (
        <IconButton icon={RotateCcw} label={t('upload.retry', { title })} onClick={() => resume(id)} />
      )}
      <IconButton icon={X} label={t('upload.remove', { title })} onClick={() => remove(id)} />
    </li>
  );
}

function State({ upload, share }: { upload: Upload; share: number }) {
  const { phase, recordingId, duplicateOf } = upload;
  if (phase === 'refused') {
    return (
      <p role="alert" className="text-sm text-danger">
        {upload.reason}
      </p>
    );
  }
  if (phase === 'done' && recordingId) {
    return (
      <p className="text-sm text-ink-soft">
        {t(duplicateOf ? 'upload.duplicate' : 'upload.done')}{' '}
        <Link
          to="/recordings/$id"
          params={{ id: duplicateOf ?? recordingId }}
          className="font-medium text-accent underline underline-offset-3"
        >
          {t('upload.open')}
        </Link>
      </p>
    );
  }
  return <p className="tabular text-xs text-ink-soft">{words(upload, share)}</p>;
}

function words(upload: Upload, share: number): string {
  const done = percent(share, language());
  const left = timeLeft(upload);
  switch (upload.phase) {
    case 'waiting':
      return t('upload.waiting');
    case 'retrying':
      return t('upload.retrying');
    case 'paused':
      return t('upload.paused', { percent: done });
    case 'checking':
      return t('upload.checking');
    case 'sending':
      if (left === null) return done;
      return t('upload.sending', {
        percent: done,
        speed: size(upload.speed ?? 0, language()),
        time: stretch(left, language()),
      });
    default:
      return t('upload.done');
  }
}
