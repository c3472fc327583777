/** How fast a recording is worked on, from what its progress was when: the server tells where, not how fast. */
interface Mark {
  position: number;
  at: number;
  speed: number | null;
}

const SMOOTHING = 0.35;
const marks = new Map<string, Mark>();

export interface Pace {
  /** Seconds of the recording per second. */
  speed: number;
  /** Seconds until it is done; null where its length is unknown. */
  left: number | null;
}

/** Note a position; forgets what was before where the work began anew. */
export function note(id: string, position: number, now: number): void {
  const before = marks.get(id);
  if (!before || position < before.position) {
    marks.set(id, { position, at: now, speed: null });
    return;
  }
  const seconds = (now - before.at) / 1000;
  if (position === before.position || seconds <= 0) return;
  const latest = (position - before.position) / seconds;
  const speed = before.speed === null ? latest : before.speed + SMOOTHING * (latest - before.speed);
  marks.set(id, { position, at: now, speed });
}

export function forget(id: string): void {
  marks.delete(id);
}

export function pace(id: string, duration: number | null): Pace | null {
  const mark = marks.get(id);
  if (!mark || mark.speed === null || mark.speed <= 0) return null;
  const left = duration === null ? null : Math.max(0, (duration - mark.position) / mark.speed);
  return { speed: mark.speed, left };
}
