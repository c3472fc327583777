import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { follow } from '@/api/events';
import { network } from '@/api/network';
import { meQuery, recordingQuery } from '@/api/queries';
import { session } from '@/api/session';
import type { ChangeEvents, Transcript } from '@/api/types';
import { commentsQuery } from '@/features/comments/queries';
import { say } from '@/ui/Toast';
import { Desk, type DeskState } from './desk';
import { historyQuery, serverOf } from './server';
import { recordingsWithEdits, Shelf, thisTab } from './shelf';

const desks = new Map<string, Desk>();

/** The desk of a recording: one in this tab, for as long as it has something to send. */
export async function deskOf(client: QueryClient, id: string, transcript: Transcript): Promise<Desk> {
  const me = await client.fetchQuery(meQuery);
  const tab = await thisTab();
  const there = desks.get(id);
  if (there) return there;
  const shelf = new Shelf(localStorage, me.id, id, tab.name);
  const desk = new Desk(transcript, serverOf(id), shelf, shelf.take(tab.isGone));
  desk.onBase = (base) => {
    const { queryKey } = recordingQuery(id);
    client.setQueryData(queryKey, (result) => result && { ...result, transcript: base });
    void client.invalidateQueries({ queryKey: historyQuery(id).queryKey });
  };
  desk.onRefusal = (message) => say(message, { bad: true });
  desks.set(id, desk);
  return desk;
}

/** Send what lies in this browser of former visits, whichever recordings it is of. */
export async function sendLeft(client: QueryClient): Promise<void> {
  const me = await client.fetchQuery(meQuery);
  for (const id of recordingsWithEdits(localStorage, me.id)) {
    const result = await client.fetchQuery(recordingQuery(id)).catch(() => null);
    if (result && result.transcript.version > 0) await deskOf(client, id, result.transcript);
  }
}

function retryAll(): void {
  for (const desk of desks.values()) desk.retry();
}

network.subscribe(() => network.get() === 'up' && retryAll());
session.subscribe(() => session.get() === 'in' && retryAll());
window.addEventListener('online', retryAll);
window.addEventListener('beforeunload', (event) => {
  // They are kept, and sent when this browser comes again. But whoever leaves should know.
  if ([...desks.values()].some((desk) => desk.get().waiting > 0)) event.preventDefault();
});

interface Laid {
  /** Null where there is none. */
  desk: Desk | null;
  /** Whether that is known; once it is, it stays so. */
  ready: boolean;
}

/** The desk at which a transcript is worked on, once that is finished; `transcript` is null until it is there. */
export function useDesk(id: string, transcript: Transcript | null): Laid {
  const client = useQueryClient();
  const [desk, setDesk] = useState<Desk | null>(() => desks.get(id) ?? null);
  const [failed, setFailed] = useState(false);
  const finished = transcript !== null && transcript.version > 0;
  const ready = useRef(false);
  ready.current ||= transcript !== null && (desk !== null || failed || !finished);
  useEffect(() => {
    if (!finished || desk) return;
    let left = false;
    deskOf(client, id, transcript).then(
      (made) => left || setDesk(made),
      () => left || setFailed(true),
    );
    return () => {
      left = true;
    };
  }, [client, id, finished, desk, transcript]);
  useEffect(() => {
    if (desk && transcript) void desk.read(transcript).catch(() => undefined);
  }, [desk, transcript]);
  useEffect(() => (desk ? followed(client, id, desk) : undefined), [client, id, desk]);
  useEffect(
    () => () => {
      // What it still has to send, it sends; what is shown next time is asked for anew.
      if (desk && desk.get().waiting === 0) desks.delete(id);
    },
    [id, desk],
  );
  return { desk, ready: ready.current };
}

const NOTHING = () => () => undefined;

export function useDeskState(desk: Desk | null): DeskState | null {
  return useSyncExternalStore(desk?.subscribe ?? NOTHING, () => desk?.get() ?? null);
}

/** Take in what others do, while the page is seen: a browser has six connections, and may have many tabs. */
function followed(client: QueryClient, id: string, desk: Desk): () => void {
  let stop: (() => void) | null = null;
  const open = () => {
    let first = true;
    stop = follow<ChangeEvents>({
      url: () => `/api/v1/transcribe/${id}/changes?after=${desk.version}`,
      check: () => client.fetchQuery({ ...meQuery, staleTime: 0 }),
      on: {
        edit: (edit) => desk.heard(edit),
        transcript: () => void client.invalidateQueries({ queryKey: recordingQuery(id).queryKey }),
        comments: () => {
          // The first one only says how they stand.
          const { queryKey } = commentsQuery(id);
          if (!first || client.getQueryState(queryKey)?.isInvalidated === false) {
            void client.invalidateQueries({ queryKey });
          }
          first = false;
        },
      },
    });
  };
  const look = () => {
    if (document.visibilityState === 'visible') {
      if (!stop) open();
    } else {
      stop?.();
      stop = null;
    }
  };
  look();
  document.addEventListener('visibilitychange', look);
  return () => {
    document.removeEventListener('visibilitychange', look);
    stop?.();
  };
}
