import { useQuery } from '@tanstack/react-query';
import { LocateFixed } from 'lucide-react';
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { meQuery } from '@/api/queries';
import type { Result } from '@/api/types';
import { CommentsPanel } from '@/features/comments/CommentsPanel';
import { bySegment } from '@/features/comments/places';
import { useComments } from '@/features/comments/useComments';
import type { Desk } from '@/features/editing/desk';
import { FindBar } from '@/features/editing/FindBar';
import { HistoryPanel } from '@/features/editing/HistoryPanel';
import { RowMenu } from '@/features/editing/RowMenu';
import { SelectionBar } from '@/features/editing/SelectionBar';
import { SpeakerPicker } from '@/features/editing/SpeakerPicker';
import { TroubleDialog } from '@/features/editing/TroubleDialog';
import { useBench } from '@/features/editing/useBench';
import { useDeskState } from '@/features/editing/useDesk';
import { useFind } from '@/features/editing/useFind';
import { useT } from '@/i18n';
import { Button } from '@/ui/Button';
import { preferences } from '@/ui/preferences';
import { Actions } from './Actions';
import { Details } from './Details';
import { exportAgain } from './exports';
import { Header } from './Header';
import { KeysDialog } from './KeysDialog';
import { useKeys } from './keys';
import { PlayerBar } from './PlayerBar';
import type { Player } from './player';
import { type Panel, SidePanel } from './SidePanel';
import { emptyText, State } from './State';
import { Transcript } from './Transcript';
import { lastAt, voices } from './timeline';
import { useCommands } from './useCommands';
import { useCopy } from './useCopy';
import { useGuidance } from './usePlayer';

interface WorkspaceProps {
  id: string;
  result: Result;
  /** Null where there is no sound. */
  player: Player | null;
  /** Null where there is no finished transcript. */
  desk: Desk | null;
}

/** A recording: what is heard, what is read, and all that is done to it. */
export function Workspace({ id, result: told, player, desk: everyones }: WorkspaceProps) {
  const t = useT();
  const state = useDeskState(everyones);
  const active = told.status === 'queued' || told.status === 'running';
  const result = useMemo(
    () => (state && !active ? { ...told, transcript: state.transcript } : told),
    [told, state, active],
  );
  const { segments, speakers, version } = result.transcript;
  // While it is transcribed anew there is nothing that could be kept of an edit.
  const desk = active || told.access === 'viewer' ? null : everyones;
  const numbers = useRef(new Map<string | null, number>());
  const heard = useMemo(() => voices(segments, numbers.current), [segments]);
  useGuidance(player, segments);
  const tint = useSyncExternalStore(preferences.subscribe, () => preferences.get().tintUnsure ?? true);
  const [following, setFollowing] = useState(true);
  const [helping, setHelping] = useState(false);
  const [panel, setPanel] = useState<Panel>('details');
  const [writing, setWriting] = useState<number | null>(null);
  const [asked, setAsked] = useState(0);
  const leave = useCallback(() => setFollowing(false), []);
  const me = useQuery(meQuery).data?.name ?? null;

  const bench = useBench(desk, segments, player);
  const { hands } = bench;
  const comments = useComments(id);
  const marks = useMemo(() => bySegment(comments.items ?? [], segments), [comments.items, segments]);
  const times = useMemo(
    () => (comments.items ?? []).flatMap(({ at, resolved_at }) => (at === null || resolved_at ? [] : [at])),
    [comments.items],
  );
  const find = useFind(segments, player, desk, hands, leave);
  const copy = useCopy(segments, speakers, bench.selected);
  const write = useCallback((at: number) => {
    setWriting(at);
    setPanel('comments');
  }, []);
  const jump = useCallback(
    (at: number) => {
      setFollowing(false);
      player?.seek(at);
      const segment = segments[Math.max(0, lastAt(segments, at))];
      if (segment) hands.look(segment.id);
    },
    [player, segments, hands],
  );
  const openPanel = useCallback(
    (id: number) => {
      setPanel('comments');
      hands.look(id);
    },
    [hands],
  );
  const run = useCommands({
    desk,
    player,
    segments,
    bench,
    find,
    onFind: () => {
      find.show(true);
      setAsked((times) => times + 1);
    },
    onHelp: () => setHelping(true),
    onFollow: () => setFollowing(true),
    onComment: write,
    onCopy: () => void copy.text(false),
    onQuote: (segment) => void copy.quote(segment),
    onExport: () => told.status === 'completed' && exportAgain(id),
  });
  useKeys(run);

  useEffect(() => {
    document.title = `${told.title} · Tiro`;
    return () => {
      document.title = 'Tiro';
    };
  }, [told.title]);

  const finished = segments.length > 0 && version > 0;
  return (
    <div className="flex grow flex-col">
      <div className="grow px-4 py-5 sm:px-6 md:py-7 lg:pe-10">
        <Header
          result={result}
          desk={desk}
          state={state}
          searchable={finished}
          onFind={() => run('find')}
          onPanel={setPanel}
          onKeys={() => setHelping(true)}
        >
          <Actions id={id} result={result} copy={copy} />
        </Header>
        <State result={result} />
        <div className="mt-5 grid gap-8 xl:grid-cols-[minmax(0,1fr)_18rem]">
          <section aria-label={t('recording.transcript')} className="min-w-0">
            {find.open && <FindBar find={find} editable={desk !== null} asked={asked} />}
            {segments.length > 0 ? (
              <Transcript
                segments={segments}
                voices={heard}
                names={speakers}
                player={player}
                tint={tint}
                following={following}
                onScrolledAway={leave}
                desk={everyones}
                editable={desk !== null}
                version={version}
                bench={bench}
                found={find.bySegment}
                hit={find.hit}
                comments={marks}
                onCommand={run}
                onComments={openPanel}
              />
            ) : (
              <p className="py-16 text-center text-ink-soft">{t(emptyText(result))}</p>
            )}
          </section>
          <SidePanel
            panel={panel}
            onPanel={(next) => {
              setPanel(next);
              if (next !== 'comments') setWriting(null);
            }}
            comments={times.length}
            contents={{
              details: <Details result={result} voices={heard} tint={tint} />,
              comments: (
                <CommentsPanel
                  comments={comments}
                  me={me}
                  owner={told.access === 'owner'}
                  editable={told.access !== 'viewer'}
                  writing={writing}
                  onWrite={setWriting}
                  now={() => player?.time ?? 0}
                  onJump={jump}
                />
              ),
              history: (
                <HistoryPanel
                  id={id}
                  names={speakers}
                  editable={desk !== null}
                  onUndo={(edit) => desk?.takeBackVersion(edit)}
                  onJump={(segment) => {
                    setFollowing(false);
                    hands.look(segment);
                  }}
                />
              ),
            }}
          />
        </div>
      </div>
      <div
        data-keeps-editing=""
        className="sticky bottom-[calc(4.5rem+env(safe-area-inset-bottom))] z-20 grid gap-2 pb-3 md:bottom-0"
      >
        {bench.selected.size > 0 && (
          <SelectionBar
            segments={segments}
            selected={bench.selected}
            desk={desk}
            hands={hands}
            onCopy={() => void copy.text(false)}
            onClear={bench.clear}
          />
        )}
        {player && !following && segments.length > 0 && bench.selected.size === 0 && (
          <div className="flex justify-center">
            <Button icon={LocateFixed} className="rounded-full shadow-3" onClick={() => setFollowing(true)}>
              {t('recording.follow')}
            </Button>
          </div>
        )}
        {player && (
          <PlayerBar
            id={id}
            player={player}
            duration={result.metadata.duration ?? result.progress.duration ?? null}
            marks={times}
          />
        )}
      </div>
      {bench.menu && (
        <RowMenu
          key={bench.menu.id}
          place={bench.menu}
          hands={hands}
          editable={desk !== null}
          playable={player !== null}
          onQuote={(segment) => void copy.quote(segment)}
          onComment={(id) => write(segments.find((segment) => segment.id === id)?.start_time ?? 0)}
        />
      )}
      {bench.asking && desk && (
        <SpeakerPicker
          asking={bench.asking}
          desk={desk}
          segments={segments}
          voices={heard}
          names={speakers}
          selection={bench.selected.size > 0}
          onClose={bench.answered}
        />
      )}
      {state?.trouble && everyones && (
        <TroubleDialog
          trouble={state.trouble}
          desk={everyones}
          onSettled={(segment) => hands.leave(segment)}
        />
      )}
      <KeysDialog open={helping} editable={desk !== null} onClose={() => setHelping(false)} />
    </div>
  );
}
