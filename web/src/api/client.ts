import createClient from 'openapi-fetch';
import { asked } from './asked';
import { problemOf, Unreachable } from './errors';
import type { paths } from './generated/schema';
import { network } from './network';
import { csrfToken, renew, session } from './session';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Where 401 is an answer to what was typed, and not the end of a login. */
const DOORS = ['/api/v1/auth/login', '/api/v1/auth/second-factor', '/api/v1/auth/link'];

function withToken(request: Request): Request {
  const token = csrfToken();
  if (token === null || SAFE.has(request.method)) return request;
  const marked = new Request(request);
  marked.headers.set('X-CSRF-Token', token);
  return marked;
}

async function send(request: Request): Promise<Response> {
  try {
    const answer = await (asked(request) ?? fetch(withToken(request)));
    network.set('up');
    return answer;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    network.set('down');
    throw new Unreachable();
  }
}

/** As `fetch`, but a login that has expired is renewed once, and a person asked to sign in where it cannot. */
export async function authorised(request: Request): Promise<Response> {
  const again = request.clone();
  const since = Date.now();
  const answer = await send(request);
  if (answer.status !== 401 || DOORS.includes(new URL(request.url).pathname)) return answer;
  if (await renew(since)) {
    const second = await send(again);
    if (second.status !== 401) return second;
  }
  session.set(session.get() === 'in' || session.get() === 'expired' ? 'expired' : 'out');
  return answer;
}

export const api = createClient<paths>({ baseUrl: window.location.origin, fetch: authorised });

type Answer<T> = { data?: T; error?: unknown; response: Response };

/** The body of an answer, or its problem thrown. */
export async function told<T>(asking: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await asking;
  if (response.ok) return data as T;
  throw problemOf(response.status, JSON.stringify(error ?? null), response.headers.get('Retry-After'));
}
