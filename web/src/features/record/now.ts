/** Whether this tab records: all that pages beside the recorder need to know of it. */
export type Now = 'off' | 'on' | 'paused';

const listeners = new Set<() => void>();
let state: Now = 'off';

export const recording = {
  get: (): Now => state,
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  set(next: Now): void {
    if (next === state) return;
    state = next;
    for (const listener of listeners) listener();
  },
};
