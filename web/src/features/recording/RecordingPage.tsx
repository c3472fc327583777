import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { ArrowLeft, ArrowRight, Keyboard, LocateFixed } from 'lucide-react';
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { isGone } from '@/api/errors';
import { recordingQuery } from '@/api/queries';
import type { Result, Segment } from '@/api/types';
import { sentence } from '@/features/account/sentence';
import { StatusChip } from '@/features/library/StatusChip';
import { LANGUAGES, language, t, useT } from '@/i18n';
import { Missing } from '@/routes/Fallbacks';
import { Button, IconButton } from '@/ui/Button';
import { copyText } from '@/ui/clipboard';
import { clock, percent, wholeMoment } from '@/ui/format';
import { Message } from '@/ui/Message';
import { Progress } from '@/ui/Progress';
import { preferences } from '@/ui/preferences';
import { say } from '@/ui/Toast';
import { Actions } from './Actions';
import { Details } from './Details';
import { KeysDialog } from './KeysDialog';
import { type Command, useKeys } from './keys';
import { useLive } from './live';
import { PlayerBar } from './PlayerBar';
import { Player } from './player';
import { speakerName } from './speakers';
import { Title } from './Title';
import { Transcript } from './Transcript';
import { afterSilence, asText, lastAt, voices } from './timeline';

export function RecordingPage() {
  const { id } = useParams({ from: '/inside/recordings/$id' });
  const { data, error } = useQuery(recordingQuery(id));
  useT();
  const active = data?.status === 'queued' || data?.status === 'running';
  useLive(id, active);
  if (isGone(error)) return <Missing />;
  if (error && !data) {
    return (
      <div className="p-6">
        <Message kind="bad">{sentence(error)}</Message>
      </div>
    );
  }
  return data ? <Loaded key={id} id={id} result={data} /> : <Loading />;
}

function Loading() {
  return (
    <div className="grid animate-breathe gap-4 p-6 md:p-8">
      <div className="h-9 w-1/2 rounded-md bg-raised" />
      <div className="h-4 w-1/3 rounded-md bg-raised" />
    </div>
  );
}

function Loaded({ id, result }: { id: string; result: Result }) {
  const t = useT();
  const { segments, speakers } = result.transcript;
  const heard = useMemo(() => voices(segments), [segments]);
  const player = usePlayer(result.links.media ?? null, segments);
  const tint = useSyncExternalStore(preferences.subscribe, () => preferences.get().tintUnsure ?? true);
  const [following, setFollowing] = useState(true);
  const [helping, setHelping] = useState(false);
  const leave = useCallback(() => setFollowing(false), []);

  const copy = useCallback(
    async (times: boolean) => {
      // A browser has no clipboard for a page that came over plain http from elsewhere.
      const copied = await copyText(
        asText(segments, (speaker) => speakerName(speaker, speakers), times ? clock : null),
      );
      say(t(copied ? 'recording.copied' : 'recording.uncopied'), { bad: !copied });
    },
    [segments, speakers, t],
  );
  const run = useCallback(
    (command: Command) => {
      if (command === 'help') setHelping(true);
      else if (command === 'follow') setFollowing(true);
      else if (command === 'copy') void copy(false);
      else if (player) drive(player, command, segments);
    },
    [player, segments, copy],
  );
  useKeys(run);

  useEffect(() => {
    document.title = `${result.title} · Tiro`;
    return () => {
      document.title = 'Tiro';
    };
  }, [result.title]);

  const Back = LANGUAGES[language()].direction === 'rtl' ? ArrowRight : ArrowLeft;
  return (
    <div className="flex grow flex-col">
      <div className="grow px-4 py-5 sm:px-6 md:py-7 lg:pe-10">
        <Link
          to="/"
          className="mb-3 inline-flex items-center gap-1.5 rounded-sm text-sm font-medium text-ink-soft hover:text-ink"
        >
          <Back aria-hidden className="size-4" />
          {t('nav.library')}
        </Link>
        <header className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
          <div className="min-w-0">
            <Title id={id} title={result.title} mayWrite={result.access !== 'viewer'} />
            <p className="mt-1 flex flex-wrap items-center gap-x-3 gap-y-1 text-sm text-ink-faint">
              <StatusChip status={result.status} small />
              <time dateTime={result.created_at}>{wholeMoment(result.created_at, language())}</time>
            </p>
          </div>
          <div className="flex items-center gap-1.5">
            <IconButton icon={Keyboard} label={t('keyboard.open')} onClick={() => setHelping(true)} />
            <Actions id={id} result={result} onCopy={(times) => void copy(times)} />
          </div>
        </header>
        <State result={result} />
        <div className="mt-5 grid gap-8 xl:grid-cols-[minmax(0,1fr)_17rem]">
          <section aria-label={t('recording.transcript')} className="min-w-0">
            {segments.length > 0 ? (
              <Transcript
                segments={segments}
                voices={heard}
                names={speakers}
                player={player}
                tint={tint}
                following={following}
                onScrolledAway={leave}
              />
            ) : (
              <p className="py-16 text-center text-ink-soft">{t(emptyText(result))}</p>
            )}
          </section>
          <Details result={result} voices={heard} tint={tint} />
        </div>
      </div>
      {player && (
        <>
          {!following && segments.length > 0 && (
            <div className="sticky bottom-46 z-20 flex justify-center md:bottom-24">
              <Button icon={LocateFixed} className="rounded-full shadow-3" onClick={() => setFollowing(true)}>
                {t('recording.follow')}
              </Button>
            </div>
          )}
          <PlayerBar
            id={id}
            player={player}
            duration={result.metadata.duration ?? result.progress.duration ?? null}
          />
        </>
      )}
      <KeysDialog open={helping} onClose={() => setHelping(false)} />
    </div>
  );
}

function emptyText(result: Result) {
  switch (result.status) {
    case 'queued':
      return 'recording.waiting.queue' as const;
    case 'running':
      return 'recording.waiting' as const;
    default:
      return 'recording.empty' as const;
  }
}

function State({ result }: { result: Result }) {
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

/** The player of a recording, from the place that the address names; null where there is no file. */
function usePlayer(address: string | null, segments: readonly Segment[]): Player | null {
  const { t: at } = useSearch({ from: '/inside/recordings/$id' });
  const navigate = useNavigate();
  const [player, setPlayer] = useState<Player | null>(null);
  useEffect(() => {
    if (address === null) return;
    const made = new Player(address);
    setPlayer(made);
    return () => {
      setPlayer(null);
      made.close();
    };
  }, [address]);
  useEffect(() => {
    if (player && at !== undefined) {
      player.seek(at);
      void navigate({ to: '.', search: {}, replace: true });
    }
  }, [player, at, navigate]);
  useEffect(() => {
    if (player) player.silenceAt = (time) => afterSilence(segments, time);
  }, [player, segments]);
  return player;
}

const SKIP = 5;

function drive(player: Player, command: Command, segments: readonly Segment[]): void {
  const here = lastAt(segments, player.time);
  switch (command) {
    case 'play':
      player.toggle();
      break;
    case 'back':
      player.skip(-SKIP);
      break;
    case 'forward':
      player.skip(SKIP);
      break;
    case 'slower':
      player.speedStep(-1);
      break;
    case 'faster':
      player.speedStep(1);
      break;
    case 'previous': {
      // Back to where this one began, and from there to the one before.
      const begun = segments[here]?.start_time ?? 0;
      player.seek(player.time - begun > 1.5 ? begun : (segments[here - 1]?.start_time ?? 0));
      break;
    }
    case 'next': {
      const next = segments[here + 1];
      if (next) player.seek(next.start_time);
      break;
    }
  }
}
