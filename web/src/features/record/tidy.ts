/** The recording that the server made of a beginning goes once the whole is there, unless somebody has put
 * work into it. */
import { api } from '@/api/client';
import type { Session } from './session';

export async function removeShort({ short, marks }: Session, whole: string | null): Promise<void> {
  if (short === null || whole === null || short === whole) return;
  const params = { params: { path: { session_id: short } } };
  const [edits, comments] = await Promise.all([
    api.GET('/api/v1/transcribe/{session_id}/edits', params).catch(() => null),
    api.GET('/api/v1/transcribe/{session_id}/comments', params).catch(() => null),
  ]);
  if (!edits?.data || !comments?.data) return;
  if (edits.data.items.length > 0 || comments.data.items.length > marks.length) return;
  await api.DELETE('/api/v1/transcribe/{session_id}', params).catch(() => undefined);
}
