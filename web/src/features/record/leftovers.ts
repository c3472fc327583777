/** Recordings of tabs that were closed, or died: what the server lacks of them is sent as soon as the app is
 * open again. */
import { ifLeft } from './locks';
import { Sender } from './sender';
import { store } from './store';
import { removeShort } from './tidy';
import { transport } from './transport';

export interface Leftover {
  id: string;
  title: string;
  seconds: number;
  /** When it was cut off. */
  at: number;
  phase: 'sending' | 'done' | 'refused';
  recordingId: string | null;
  reason: string | null;
  whole: (() => Blob) | null;
}

const listeners = new Set<() => void>();
let entries: readonly Leftover[] = [];

export const leftovers = {
  get: (): readonly Leftover[] => entries,
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

function set(next: readonly Leftover[]): void {
  entries = next;
  for (const listener of listeners) listener();
}

export function dismiss(id: string): void {
  set(entries.filter((each) => each.id !== id));
}

/** Give up what the server does not take. */
export async function discard(id: string): Promise<void> {
  dismiss(id);
  await store.forget(id).catch(() => undefined);
}

/** Take up all that nobody is at. */
export async function rescue(userId: string): Promise<void> {
  const sessions = await store.sessions().catch(() => []);
  for (const session of sessions) {
    if (session.userId !== userId || entries.some((each) => each.id === session.id)) continue;
    void ifLeft(session.id, async () => {
      // Between the list and the lock its own tab may have brought it to an end.
      const kept = (await store.sessions()).find((each) => each.id === session.id);
      if (kept === undefined) return;
      const sender = new Sender(kept, transport, store);
      sender.restore(await store.chunks(kept.id));
      if (sender.total === 0) {
        await store.forget(kept.id);
        return;
      }
      await send(sender);
    });
  }
}

async function send(sender: Sender): Promise<void> {
  const { id, title, lastAt } = sender.session;
  const entry: Leftover = {
    id,
    title,
    seconds: sender.seconds,
    at: lastAt,
    phase: 'sending',
    recordingId: null,
    reason: null,
    whole: null,
  };
  set([...entries, entry]);
  const online = () => sender.wake();
  window.addEventListener('online', online);
  await sender.run();
  window.removeEventListener('online', online);
  const { state, recordingId, reason } = sender.get();
  const done = state === 'done' && reason === null;
  if (done) {
    await store.forget(id);
    await removeShort(sender.session, recordingId);
  }
  const whole = done ? null : () => sender.whole();
  set(
    entries.map((each) =>
      each.id === id ? { ...each, phase: done ? 'done' : 'refused', recordingId, reason, whole } : each,
    ),
  );
}
