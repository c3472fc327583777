import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api, told } from '@/api/client';
import { isGone } from '@/api/errors';
import { type MessageKey, t } from '@/i18n';
import { sentence } from '@/ui/sentence';
import { say } from '@/ui/Toast';

type Deed = (id: string) => Promise<unknown>;

const path = (id: string) => ({ params: { path: { session_id: id } } });

/** What can be done with one recording or with many; each ends with a word about how it went. */
export function useDeeds() {
  const client = useQueryClient();
  return useMemo(() => deedsOf(client), [client]);
}

function deedsOf(client: QueryClient) {
  async function each(ids: readonly string[], deed: Deed, done: MessageKey): Promise<void> {
    const failures: unknown[] = [];
    for (const id of ids) {
      await deed(id).catch((error: unknown) => {
        // That it has gone already is no failure to remove it.
        if (!isGone(error)) failures.push(error);
      });
    }
    const [first] = failures;
    if (first !== undefined) {
      say(t('library.failed', { n: failures.length, message: sentence(first) }), { bad: true });
    }
    if (failures.length < ids.length) say(t(done, { n: ids.length - failures.length }));
    await Promise.all([
      client.invalidateQueries({ queryKey: ['library'] }),
      client.invalidateQueries({ queryKey: ['recording'] }),
    ]);
  }

  return {
    remove: (ids: readonly string[]) =>
      each(ids, (id) => told(api.DELETE('/api/v1/transcribe/{session_id}', path(id))), 'library.deleted'),
    retry: (ids: readonly string[]) =>
      each(ids, (id) => told(api.POST('/api/v1/transcribe/{session_id}/retry', path(id))), 'library.retried'),
    hold: (id: string, held: boolean) =>
      held
        ? each([id], () => told(api.PUT('/api/v1/transcribe/{session_id}/hold', path(id))), 'hold.done')
        : each(
            [id],
            () => told(api.DELETE('/api/v1/transcribe/{session_id}/hold', path(id))),
            'hold.released',
          ),
    cancel: (ids: readonly string[]) =>
      each(
        ids,
        (id) => told(api.POST('/api/v1/transcribe/{session_id}/cancel', path(id))),
        'status.cancelled',
      ),
  };
}
