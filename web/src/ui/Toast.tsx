import { useSyncExternalStore } from 'react';
import { cx } from './classes';

interface Said {
  id: number;
  text: string;
  bad: boolean;
}

const LASTS_MS = 5000;
const listeners = new Set<() => void>();
let said: readonly Said[] = [];
let next = 1;

function change(to: readonly Said[]): void {
  said = to;
  for (const listener of listeners) listener();
}

/** Say something in passing; a screen reader says it too. */
export function say(text: string, { bad = false } = {}): void {
  const entry = { id: next++, text, bad };
  change([...said.slice(-2), entry]);
  setTimeout(() => change(said.filter((other) => other.id !== entry.id)), LASTS_MS);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Toasts() {
  const entries = useSyncExternalStore(subscribe, () => said);
  return (
    <div
      role="status"
      className="pointer-events-none fixed inset-x-0 bottom-[calc(7rem+env(safe-area-inset-bottom))] z-60 grid justify-items-center gap-2 px-4"
    >
      {entries.map((entry) => (
        <p
          key={entry.id}
          className={cx(
            'pointer-events-auto max-w-lg animate-rise rounded-lg border bg-surface px-4 py-2.5 text-sm shadow-3',
            entry.bad ? 'border-danger text-danger' : 'border-line text-ink',
          )}
        >
          {entry.text}
        </p>
      ))}
    </div>
  );
}
