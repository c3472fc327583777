import { Link } from '@tanstack/react-router';
import { CircleCheck, Download, Mic } from 'lucide-react';
import { useEffect, useRef } from 'react';
import { useT } from '@/i18n';
import { Button } from '@/ui/Button';
import { Message } from '@/ui/Message';
import { recorder } from './recorder';
import type { Sender } from './sender';
import { filename } from './session';
import { download, longClock } from './times';
import { useRecorder, useSent } from './useRecorder';

/** After the end: where it is, or what became of it. */
export function Done({ sender }: { sender: Sender }) {
  const t = useT();
  const { lost } = useRecorder();
  const { recordingId, reason, state, savedSeconds } = useSent(sender);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const whole = state === 'done' && reason === null;
  const nothing = state === 'done' && recordingId === null && sender.total === 0;
  return (
    <section className="card grid justify-items-center gap-4 px-6 py-12 text-center">
      {whole && !nothing && <CircleCheck aria-hidden className="size-12 text-good" />}
      <h2 ref={heading} tabIndex={-1} className="display text-2xl outline-none">
        {t(nothing ? 'record.done.nothing' : whole ? 'record.done.title' : 'record.done.refused')}
      </h2>
      {whole && !nothing && (
        <p className="max-w-md text-ink-soft">
          {t('record.done.text', { title: sender.session.title, time: longClock(savedSeconds) })}
        </p>
      )}
      {lost && (
        <div className="max-w-lg text-start">
          <Message kind="note">{t('record.lost')}</Message>
        </div>
      )}
      {!whole && (
        <div className="grid max-w-lg gap-3 text-start">
          <Message kind="bad">{reason ?? t('error.unreachable')}</Message>
          <p className="text-sm text-ink-soft">{t('record.refused.text')}</p>
        </div>
      )}
      <div className="mt-2 flex flex-wrap justify-center gap-3">
        {recordingId && (
          <Link
            to="/recordings/$id"
            params={{ id: recordingId }}
            className="inline-flex min-h-10 items-center rounded-md bg-accent px-4 text-sm font-medium text-on-accent shadow-1 hover:bg-accent-strong"
          >
            {t('record.open')}
          </Link>
        )}
        {!whole && (
          <Button icon={Download} onClick={() => download(sender.whole(), filename(sender.session.mime))}>
            {t('record.download')}
          </Button>
        )}
        <Button icon={Mic} onClick={() => recorder.clear()}>
          {t('record.another')}
        </Button>
      </div>
    </section>
  );
}
