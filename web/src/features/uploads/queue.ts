/** The state of uploads, apart from how bytes are sent. */

export type Phase = 'waiting' | 'sending' | 'retrying' | 'paused' | 'checking' | 'done' | 'refused';

export interface Upload {
  id: number;
  file: File;
  phase: Phase;
  sent: number;
  /** Bytes per second, smoothed; null before it is known. */
  speed: number | null;
  /** Why it was refused, in a sentence. */
  reason: string | null;
  /** Whether trying again can help. */
  retriable: boolean;
  recordingId: string | null;
  duplicateOf: string | null;
}

export function newUpload(id: number, file: File): Upload {
  return {
    id,
    file,
    phase: 'waiting',
    sent: 0,
    speed: null,
    reason: null,
    retriable: false,
    recordingId: null,
    duplicateOf: null,
  };
}

const ACTIVE: ReadonlySet<Phase> = new Set(['sending', 'retrying', 'checking']);

/** Those that may begin now, in the order in which they came. */
export function due(uploads: readonly Upload[], most: number): Upload[] {
  const busy = uploads.filter((upload) => ACTIVE.has(upload.phase)).length;
  return uploads.filter((upload) => upload.phase === 'waiting').slice(0, Math.max(0, most - busy));
}

export function isUnderWay(upload: Upload): boolean {
  return ACTIVE.has(upload.phase) || upload.phase === 'waiting';
}

export interface Meter {
  sent: number;
  at: number;
  speed: number | null;
}

const SMOOTHING = 0.3;
const SHORTEST_MS = 250;

/** The meter after more was sent; the same one where too little time has gone by to tell a speed. */
export function metered(meter: Meter, sent: number, now: number): Meter {
  const elapsed = now - meter.at;
  if (elapsed < SHORTEST_MS || sent < meter.sent) return meter;
  const latest = ((sent - meter.sent) * 1000) / elapsed;
  const speed = meter.speed === null ? latest : meter.speed + SMOOTHING * (latest - meter.speed);
  return { sent, at: now, speed };
}

/** Seconds until all is sent; null where nobody can tell. */
export function timeLeft(upload: Upload): number | null {
  return upload.speed ? (upload.file.size - upload.sent) / upload.speed : null;
}
