/** The service worker, and when there is a new version of the app. */
const EVERY_MS = 60 * 60 * 1000;
const listeners = new Set<() => void>();
let waiting: ServiceWorker | null = null;
let found = false;

export const update = {
  /** Whether there is a version that this page is not of. */
  get: (): boolean => found,
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

function tell(worker: ServiceWorker | null): void {
  waiting = worker;
  found = true;
  for (const listener of listeners) listener();
}

/** Browsers allow it over https and on this machine; elsewhere the app works as well, but not offline. */
export async function registerWorker(): Promise<void> {
  if (!('serviceWorker' in navigator)) return;
  const registration = await navigator.serviceWorker.register('/sw.js').catch(() => null);
  if (!registration) return; // browsers that are told to have none resolve with nothing
  // The first one replaces nothing, so that nobody has to be asked.
  const ready = () =>
    registration.waiting && navigator.serviceWorker.controller && tell(registration.waiting);
  ready();
  let controlled = navigator.serviceWorker.controller !== null;
  navigator.serviceWorker.addEventListener('controllerchange', () => {
    // Another tab has said so, and what this page may still have to load is no longer kept.
    if (controlled) tell(null);
    controlled = true;
  });
  registration.addEventListener('updatefound', () => {
    registration.installing?.addEventListener('statechange', ready);
  });
  setInterval(() => void registration.update().catch(() => undefined), EVERY_MS);
}

/** Use the new version from now on. */
export function updateNow(): void {
  if (!waiting) {
    window.location.reload();
    return;
  }
  navigator.serviceWorker.addEventListener('controllerchange', () => window.location.reload(), {
    once: true,
  });
  waiting.postMessage('update');
}
