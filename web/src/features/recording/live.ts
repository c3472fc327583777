import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { follow } from '@/api/events';
import { recordingQuery } from '@/api/queries';
import type { RecordingEvents } from '@/api/types';
import { after } from './after';

/** Follow a recording while it is at work. What its end brings is asked for anew. */
export function useLive(id: string, active: boolean): void {
  const client = useQueryClient();
  useEffect(() => {
    if (!active) return;
    const { queryKey } = recordingQuery(id);
    const take =
      <K extends keyof RecordingEvents>(type: K) =>
      (data: RecordingEvents[K]) =>
        client.setQueryData(queryKey, (result) => result && after(result, type, data));
    const over = () => {
      void client.invalidateQueries({ queryKey });
      stop();
    };
    const stop = follow<RecordingEvents>({
      url: () => `/api/v1/transcribe/${id}/events`,
      check: () => client.fetchQuery({ ...recordingQuery(id), staleTime: 0 }),
      ended: over,
      on: {
        segment: take('segment'),
        restart: take('restart'),
        stage: take('stage'),
        progress: take('progress'),
        state: (state) => {
          take('state')(state);
          // What comes of it, such as the language, is not in the events.
          if (state.status !== 'queued' && state.status !== 'running') over();
        },
        end: over,
      },
    });
    return stop;
  }, [id, active, client]);
}
