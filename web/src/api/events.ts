import { ApiError } from './errors';
import { network } from './network';
import { session } from './session';

type Handlers<E> = { [K in keyof E]?: (data: E[K]) => void };

const FIRST_MS = 500;
const LONGEST_MS = 15_000;

interface Options<E> {
  url: () => string;
  on: Handlers<E>;
  /** A request that renews the login, and fails where there is nothing to follow any more. */
  check: () => Promise<unknown>;
  /** Told once when the stream will not come back. */
  ended?: () => void;
}

/**
 * Follow a stream of events for as long as it lasts. A browser reconnects by itself where the network fails,
 * but gives up at a refusal, such as that of an expired login; here that is looked into, and tried again.
 */
export function follow<E>({ url, on, check, ended }: Options<E>): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wait = FIRST_MS;
  let closed = false;
  let last = '';

  function open(): void {
    const address = new URL(url(), window.location.origin);
    if (last) address.searchParams.set('after', last);
    source = new EventSource(address);
    source.onopen = () => {
      wait = FIRST_MS;
      network.set('up');
    };
    source.onerror = () => {
      if (source?.readyState !== EventSource.CLOSED) {
        network.set('down');
        return;
      }
      retry();
    };
    for (const [type, handler] of Object.entries(on) as [string, (data: unknown) => void][]) {
      source.addEventListener(type, (event) => {
        if (event.lastEventId) last = event.lastEventId;
        handler(JSON.parse(event.data));
      });
    }
  }

  function retry(): void {
    if (closed) return;
    timer = setTimeout(async () => {
      try {
        await check();
      } catch (error) {
        if (error instanceof ApiError && (error.status === 404 || error.status === 410)) return ended?.();
        if (session.get() !== 'in') return waitForSession();
        return retry();
      }
      if (!closed) open();
    }, wait);
    wait = Math.min(wait * 2, LONGEST_MS);
  }

  function waitForSession(): void {
    const stop = session.subscribe(() => {
      if (session.get() !== 'in') return;
      stop();
      if (!closed) open();
    });
  }

  open();
  return () => {
    closed = true;
    clearTimeout(timer);
    source?.close();
  };
}
