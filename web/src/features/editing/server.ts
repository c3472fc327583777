import { queryOptions } from '@tanstack/react-query';
import { api, told } from '@/api/client';
import type { Edit } from '@/api/types';
import type { Server } from './desk';

const PAGE = 100;
/** Whoever has missed more than these reads the transcript as a whole. */
const MOST = 300;

function editsPage(id: string, before: number | null, limit: number) {
  const query = { limit, ...(before === null ? {} : { before }) };
  return told(
    api.GET('/api/v1/transcribe/{session_id}/edits', { params: { path: { session_id: id }, query } }),
  );
}

export function historyQuery(id: string) {
  return queryOptions({
    queryKey: ['edits', id],
    queryFn: async () => (await editsPage(id, null, PAGE)).items,
  });
}

async function since(id: string, version: number): Promise<Edit[] | null> {
  const found: Edit[] = [];
  let before: number | null = null;
  do {
    const page: Awaited<ReturnType<typeof editsPage>> = await editsPage(id, before, PAGE);
    found.push(...page.items.filter((edit) => edit.version > version));
    before = page.items.length > 0 && (page.items.at(-1) as Edit).version > version + 1 ? page.next : null;
  } while (before !== null && found.length < MOST);
  const oldest = found.at(-1);
  if (oldest === undefined) return [];
  return oldest.version === version + 1 ? found.reverse() : null;
}

/** The server, for the edits of one recording. */
export function serverOf(id: string): Server {
  const path = { session_id: id };
  return {
    edit: (version, changes, key) =>
      told(
        api.PATCH('/api/v1/transcribe/{session_id}/transcript', {
          params: { path, header: { 'idempotency-key': key } },
          body: { version, changes },
        }),
      ),
    undo: (version, key) =>
      told(
        api.POST('/api/v1/transcribe/{session_id}/edits/{version}/undo', {
          params: { path: { ...path, version }, header: { 'idempotency-key': key } },
        }),
      ),
    since: (version) => since(id, version),
    read: async () =>
      (await told(api.GET('/api/v1/transcribe/{session_id}', { params: { path } }))).transcript,
  };
}
