import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api, told } from '@/api/client';
import { isGone } from '@/api/errors';
import { speakerName } from '@/features/recording/speakers';
import { language, useT } from '@/i18n';
import { clock, wholeMoment } from '@/ui/format';
import { Wordmark } from '@/ui/Logo';
import { Message } from '@/ui/Message';
import { sentence } from '@/ui/sentence';
import { tokenOf } from './links';

/** A recording that a link opens, to read and to hear, for people who have no login here. */
export function SharedPage() {
  const t = useT();
  const [token] = useState(() => tokenOf(window.location.hash));
  const [player, setPlayer] = useState<HTMLAudioElement | null>(null);
  const { data, error } = useQuery({
    queryKey: ['shared', token],
    queryFn: () => told(api.GET('/api/v1/shared/{token}', { params: { path: { token: token ?? '' } } })),
    enabled: token !== null,
    retry: false,
  });
  useEffect(() => {
    document.title = data ? `${data.title} · Tiro` : 'Tiro';
  }, [data]);

  function hear(time: number): void {
    if (!player) return;
    player.currentTime = time;
    void player.play();
  }

  const media = data?.links.media;
  return (
    <div className="mx-auto min-h-dvh w-full max-w-3xl px-4 py-6 sm:px-6">
      <Wordmark />
      <main className="mt-8">
        {(token === null || isGone(error)) && (
          <div className="py-20 text-center">
            <h1 className="display text-2xl">{t('shared.gone')}</h1>
            <p className="mt-2 text-ink-soft">{t('shared.gone.text')}</p>
          </div>
        )}
        {error && !isGone(error) && <Message kind="bad">{sentence(error)}</Message>}
        {data && (
          <>
            <p className="text-sm text-ink-faint">
              {t('shared.title')} · {wholeMoment(data.created_at, language())}
            </p>
            <h1 className="display mt-1 text-2xl break-words">
              <bdi>{data.title}</bdi>
            </h1>
            {media && (
              // biome-ignore lint/a11y/useMediaCaption: what is said stands below
              <audio
                ref={setPlayer}
                src={media}
                controls
                preload="metadata"
                className="sticky top-3 z-10 mt-5 w-full rounded-full shadow-2"
              />
            )}
            <ol className="mt-6 grid gap-1">
              {data.transcript.segments.map((segment) => (
                <li
                  key={segment.id}
                  className="grid gap-x-4 rounded-md py-2 sm:grid-cols-[5rem_minmax(0,1fr)]"
                >
                  <button
                    type="button"
                    aria-label={t('recording.jump', { time: clock(segment.start_time) })}
                    disabled={!media}
                    className="tabular h-fit w-fit rounded-sm text-start text-sm text-ink-faint enabled:hover:text-accent"
                    onClick={() => hear(segment.start_time)}
                  >
                    {clock(segment.start_time)}
                  </button>
                  <div>
                    {segment.speaker && (
                      <p className="text-sm font-semibold text-ink-soft">
                        <bdi>{speakerName(segment.speaker, data.transcript.speakers)}</bdi>
                      </p>
                    )}
                    <p dir="auto">{segment.text}</p>
                  </div>
                </li>
              ))}
            </ol>
            {data.transcript.segments.length === 0 && (
              <p className="py-16 text-center text-ink-soft">
                {t(data.status === 'completed' ? 'recording.empty' : 'recording.waiting')}
              </p>
            )}
          </>
        )}
      </main>
    </div>
  );
}
