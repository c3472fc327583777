/** Which tab a recording belongs to, as long as that tab lives. */
const PREFIX = 'tiro.recording.';

/** Hold a recording until what is returned is called, or the tab is closed. */
export function hold(id: string): Promise<() => void> {
  return new Promise((resolve) => {
    void navigator.locks.request(PREFIX + id, () => new Promise<void>((release) => resolve(release)));
  });
}

/** Do this with a recording whose tab is gone; nothing where it is still there. */
export async function ifLeft(id: string, action: () => Promise<void>): Promise<void> {
  await navigator.locks.request(PREFIX + id, { ifAvailable: true }, async (lock) => {
    if (lock !== null) await action();
  });
}
