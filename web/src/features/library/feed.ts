import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { follow } from '@/api/events';
import { meQuery } from '@/api/queries';
import type { Counts, LibraryEvents, Recording, RecordingPage } from '@/api/types';
import { useSession } from '@/features/account/AuthGate';
import { forget, note } from './pace';
import { movesBetweenLists, withRecording } from './pages';

const SETTLE_MS = 60;
export const COUNTS = ['counts'] as const;

/** Keep what is held of the library as the server tells that it is, for as long as the app is open. */
export function useLibraryFeed(): void {
  const client = useQueryClient();
  const signedIn = useSession() === 'in';
  useEffect(() => {
    if (!signedIn) return;
    const refresh = settling(() => void client.invalidateQueries({ queryKey: ['library'] }));
    const stop = follow<LibraryEvents>({
      url: () => '/api/v1/me/events',
      check: () => client.fetchQuery({ ...meQuery, staleTime: 0 }),
      on: {
        recording: (recording) => {
          if (recording.status === 'running') {
            note(recording.session_id, recording.progress.position, Date.now());
          } else forget(recording.session_id);
          if (take(client, recording)) refresh();
        },
        removed: refresh,
        counts: (counts) => {
          const before = client.getQueryData<Counts>(COUNTS);
          client.setQueryData(COUNTS, counts);
          if (before && JSON.stringify(before) !== JSON.stringify(counts)) refresh();
        },
      },
    });
    return () => {
      refresh.cancel();
      stop();
    };
  }, [client, signedIn]);
}

/** Put it where it is shown; true where lists have to be asked for anew. */
function take(client: QueryClient, recording: Recording): boolean {
  let moved = true;
  for (const [key, page] of client.getQueriesData<RecordingPage>({ queryKey: ['library', 'page'] })) {
    const before = page?.items.find((item) => item.session_id === recording.session_id);
    if (!page || !before) continue;
    moved = movesBetweenLists(before, recording);
    client.setQueryData(key, withRecording(page, recording));
  }
  return moved;
}

/** Call it once for however many calls come in quick succession. */
function settling(action: () => void): (() => void) & { cancel: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const settle = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      action();
    }, SETTLE_MS);
  };
  return Object.assign(settle, { cancel: () => clearTimeout(timer) });
}
