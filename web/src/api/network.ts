/** Whether the server was there when it was last spoken to. */
export type Network = 'up' | 'down';

const listeners = new Set<() => void>();
let state: Network = 'up';

export const network = {
  get: (): Network => state,
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  set(next: Network): void {
    if (next === state) return;
    state = next;
    for (const listener of listeners) listener();
  },
};
