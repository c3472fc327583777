/**
 * The login of this browser. Its tokens are in cookies that no script can read; what is here is whether it
 * holds, and how to renew it: once for all requests that find it expired, and for all tabs, since a refresh
 * token that comes twice ends the login.
 */
import { problemOf, Unreachable } from './errors';

export type Standing = 'unknown' | 'in' | 'out' | 'expired';

const RENEWED = 'tiro.renewed';
const EVERY_MS = 8 * 60 * 1000;
const listeners = new Set<() => void>();
let standing: Standing = 'unknown';
let renewing: Promise<boolean> | null = null;

export const session = {
  get: (): Standing => standing,
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  set(next: Standing): void {
    if (next === standing) return;
    standing = next;
    for (const listener of listeners) listener();
  },
};

export function csrfToken(cookies: string = document.cookie): string | null {
  const found = /(?:^|;\s*)(?:__Host-)?tiro-csrf=([^;]+)/.exec(cookies);
  return found?.[1] ?? null;
}

function renewedAt(): number {
  return Number(localStorage.getItem(RENEWED) ?? 0);
}

async function renewOnce(since: number): Promise<boolean> {
  // Another tab may have done it while this one waited for its turn.
  if (renewedAt() > since) return true;
  const token = csrfToken();
  if (token === null) return false;
  const answer = await fetch('/api/v1/auth/refresh', {
    method: 'POST',
    headers: { 'X-CSRF-Token': token },
  }).catch(() => {
    throw new Unreachable();
  });
  if (answer.ok) {
    localStorage.setItem(RENEWED, String(Date.now()));
    return true;
  }
  if (answer.status === 401 || answer.status === 403) return false;
  throw problemOf(answer.status, await answer.text());
}

/** One tab at a time, where the browser has locks: it has them on https and on this machine. */
async function inTurn(action: () => Promise<boolean>): Promise<boolean> {
  return navigator.locks ? await navigator.locks.request('tiro.renew', action) : action();
}

/** Renew the login that was found expired at `since`; false where a person has to sign in again. */
export function renew(since: number): Promise<boolean> {
  if (renewing) return renewing;
  const current: Promise<boolean> = inTurn(() => renewOnce(since));
  renewing = current;
  const clear = () => {
    if (renewing === current) renewing = null;
  };
  current.then(clear, clear);
  return current;
}

/** Renew ahead of time, so that media and streams, which cannot renew by themselves, never find it expired. */
export function keepAlive(): () => void {
  const timer = setInterval(() => {
    if (standing === 'in') renew(Date.now() - EVERY_MS).catch(() => undefined);
  }, EVERY_MS);
  return () => clearInterval(timer);
}

export function signedIn(): void {
  localStorage.setItem(RENEWED, String(Date.now()));
  session.set('in');
}
