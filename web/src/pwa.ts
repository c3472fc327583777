/** The service worker, and when there is a new version of the app. */
const EVERY_MS = 60 * 60 * 1000;
const listeners = new Set<() => void>();
let waiting: ServiceWorker | null = null;

export const update = {
  get: (): ServiceWorker | null => waiting,
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

function found(worker: ServiceWorker | null): void {
  waiting = worker;
  for (const listener of listeners) listener();
}

/** Browsers allow it over https and on this machine; elsewhere the app works as well, but not offline. */
export async function registerWorker(): Promise<void> {
  if (!('serviceWorker' in navigator)) return;
  const registration = await navigator.serviceWorker.register('/sw.js').catch(() => null);
  if (!registration) return; // browsers that are told to have none resolve with nothing
  // The first one replaces nothing, so that nobody has to be asked.
  const ready = () =>
    registration.waiting && navigator.serviceWorker.controller && found(registration.waiting);
  ready();
  registration.addEventListener('updatefound', () => {
    registration.installing?.addEventListener('statechange', ready);
  });
  setInterval(() => void registration.update().catch(() => undefined), EVERY_MS);
}

/** Use the new version from now on. */
export function updateNow(): void {
  navigator.serviceWorker.addEventListener('controllerchange', () => window.location.reload(), {
    once: true,
  });
  waiting?.postMessage('update');
}
