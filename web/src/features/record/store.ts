/** Chunks of recordings in IndexedDB, until the server has them and has made a recording of them. */
import type { Chunk, Session } from './session';

const NAME = 'tiro.recordings';
/** Tells the next start, which need not load any of this otherwise, that there is something here. */
const FLAG = 'tiro.unsent';

export interface Store {
  save(session: Session): Promise<void>;
  add(chunk: Chunk): Promise<void>;
  sessions(): Promise<Session[]>;
  chunks(session: string): Promise<Chunk[]>;
  forget(session: string): Promise<void>;
}

export function hasLeftovers(): boolean {
  return localStorage.getItem(FLAG) !== null;
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
    transaction.onerror = () => reject(transaction.error);
  });
}

let opened: Promise<IDBDatabase> | null = null;

function open(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('sessions', { keyPath: 'id' });
      request.result.createObjectStore('chunks', { keyPath: ['session', 'index'] });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => {
      opened = null;
      reject(request.error);
    };
  });
  return opened;
}

async function written(name: 'sessions' | 'chunks', value: Session | Chunk): Promise<void> {
  const transaction = (await open()).transaction(name, 'readwrite');
  transaction.objectStore(name).put(value);
  await committed(transaction);
}

const ofSession = (session: string) => IDBKeyRange.bound([session, 0], [session, Number.MAX_SAFE_INTEGER]);

export const store: Store = {
  async save(session) {
    await written('sessions', session);
    localStorage.setItem(FLAG, '1');
  },
  add: (chunk) => written('chunks', chunk),
  async sessions() {
    return done((await open()).transaction('sessions').objectStore('sessions').getAll());
  },
  async chunks(session) {
    return done((await open()).transaction('chunks').objectStore('chunks').getAll(ofSession(session)));
  },
  async forget(session) {
    const transaction = (await open()).transaction(['sessions', 'chunks'], 'readwrite');
    transaction.objectStore('sessions').delete(session);
    transaction.objectStore('chunks').delete(ofSession(session));
    await committed(transaction);
    if ((await store.sessions()).length === 0) localStorage.removeItem(FLAG);
  },
};

/** Ask the browser not to clear this away when space is short. */
export function keepForGood(): void {
  void navigator.storage?.persist?.().catch(() => false);
}
