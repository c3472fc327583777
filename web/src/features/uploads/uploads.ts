/** Uploads outlive the pages that show them: they are held here, sent as tus says, three at a time. */
import type { DetailedError, Upload as Sender } from 'tus-js-client';
import { problemOf } from '@/api/errors';
import { network } from '@/api/network';
import { csrfToken, renew, session } from '@/api/session';
import { language, t } from '@/i18n';
import { size } from '@/ui/format';
import { preferences } from '@/ui/preferences';
import { isOtherKind } from './files';
import { due, isUnderWay, type Meter, metered, newUpload, type Upload } from './queue';

const ENDPOINT = '/api/v1/uploads';
const AT_ONCE = 3;
const RETRIES_MS = [500, 1000, 2000, 4000, 8000, 15_000, 30_000, 60_000, 60_000, 60_000];
/** Refusals of this moment, not of the file. */
const PASSING = new Set([0, 401, 408, 409, 423, 429, 460, 500, 502, 503, 504]);

const listeners = new Set<() => void>();
const senders = new Map<number, Sender>();
const meters = new Map<number, Meter>();
let uploads: readonly Upload[] = [];
let nextId = 1;
let most: Promise<number | null> | null = null;

export const uploadStore = {
  get: (): readonly Upload[] => uploads,
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

function set(next: readonly Upload[]): void {
  uploads = next;
  for (const listener of listeners) listener();
}

function change(id: number, patch: Partial<Upload>): void {
  set(uploads.map((upload) => (upload.id === id ? { ...upload, ...patch } : upload)));
}

/** Put files in line. What can be no recording is refused here, before a byte of it is sent. */
export async function enqueue(files: readonly File[]): Promise<void> {
  const limit = await largest();
  const added = files.map((file) => {
    const upload = newUpload(nextId++, file);
    const reason = refusal(file, limit);
    return reason === null ? upload : { ...upload, phase: 'refused' as const, reason };
  });
  set([...uploads, ...added]);
  pump();
}

function refusal(file: File, limit: number | null): string | null {
  if (file.size === 0) return t('upload.empty');
  if (isOtherKind(file)) return t('upload.kind');
  if (limit !== null && file.size > limit) {
    return t('upload.large', { size: size(file.size, language()), most: size(limit, language()) });
  }
  return null;
}

/** The most bytes that the server takes in one file; null where it does not say. */
function largest(): Promise<number | null> {
  most ??= fetch(ENDPOINT, { method: 'OPTIONS', headers: { 'X-CSRF-Token': csrfToken() ?? '' } })
    .then((answer) => Number(answer.headers.get('Tus-Max-Size')) || null)
    .catch(() => {
      most = null; // asked again next time
      return null;
    });
  return most;
}

/** Choose files, or a folder, with the browser's own dialog. */
export function pick(what: 'files' | 'folder'): void {
  const input = document.createElement('input');
  input.type = 'file';
  input.multiple = true;
  if (what === 'files') input.accept = 'audio/*,video/*,.amr,.opus,.wma,.caf,.mka,.mkv,.ts';
  else input.webkitdirectory = true;
  input.onchange = () => {
    const chosen = [...(input.files ?? [])];
    void enqueue(what === 'folder' ? chosen.filter((file) => !isOtherKind(file)) : chosen);
  };
  input.click();
}

export function pause(id: number): void {
  void senders.get(id)?.abort();
  change(id, { phase: 'paused', speed: null });
  pump();
}

export function resume(id: number): void {
  change(id, { phase: 'waiting', reason: null });
  pump();
}

/** Take it off the list. What the server has of an unfinished one is given up too. */
export function remove(id: number): void {
  const upload = uploads.find((each) => each.id === id);
  const unfinished = upload !== undefined && upload.phase !== 'done' && upload.phase !== 'refused';
  void senders
    .get(id)
    ?.abort(unfinished)
    .catch(() => undefined);
  senders.delete(id);
  meters.delete(id);
  set(uploads.filter((each) => each.id !== id));
  pump();
}

export function clearFinished(): void {
  set(uploads.filter((upload) => upload.phase !== 'done'));
}

export function anyUnderWay(): boolean {
  return uploads.some(isUnderWay);
}

function pump(): void {
  for (const upload of due(uploads, AT_ONCE)) {
    change(upload.id, { phase: 'sending', speed: null });
    void send(upload);
  }
}

async function send(upload: Upload): Promise<void> {
  const { id, file } = upload;
  let sender = senders.get(id);
  if (sender === undefined) {
    const tus = await import('tus-js-client');
    sender = new tus.Upload(file, options(id, file));
    senders.set(id, sender);
    // Begun before, in this browser: goes on where it was.
    const [earlier] = await sender.findPreviousUploads().catch(() => []);
    if (earlier) sender.resumeFromPreviousUpload(earlier);
  }
  if (uploads.some((each) => each.id === id && each.phase === 'sending')) sender.start();
}

function options(id: number, file: File): ConstructorParameters<typeof Sender>[1] {
  const { engine } = preferences.get();
  return {
    endpoint: ENDPOINT,
    retryDelays: RETRIES_MS,
    removeFingerprintOnSuccess: true,
    metadata: { filename: file.name, ...(engine ? { engine } : {}) },
    onBeforeRequest: (request) => {
      const token = csrfToken();
      if (token !== null) request.setHeader('X-CSRF-Token', token);
    },
    onAfterResponse: async (_request, answer) => {
      const recordingId = answer.getHeader('Tiro-Session');
      if (recordingId)
        change(id, { recordingId, duplicateOf: answer.getHeader('Tiro-Duplicate-Of') ?? null });
      if (answer.getStatus() === 401) await renewed();
    },
    onShouldRetry: (error) => {
      const status = error.originalResponse?.getStatus() ?? 0;
      const again = PASSING.has(status) && session.get() === 'in';
      if (again) change(id, { phase: 'retrying', speed: null });
      if (status === 0) network.set('down');
      return again;
    },
    onProgress: (sent, total) => {
      const now = performance.now();
      const meter = metered(meters.get(id) ?? { sent, at: now, speed: null }, sent, now);
      meters.set(id, meter);
      if (sent > 0) network.set('up');
      change(id, { sent, speed: meter.speed, phase: sent >= total ? 'checking' : 'sending' });
    },
    onSuccess: () => {
      change(id, { phase: 'done', sent: file.size });
      senders.delete(id);
      pump();
    },
    onError: (error) => {
      const answer = (error as DetailedError).originalResponse;
      const status = answer?.getStatus() ?? 0;
      const reason = answer ? problemOf(status, answer.getBody()).message : t('error.unreachable');
      change(id, { phase: 'refused', reason, retriable: PASSING.has(status), speed: null });
      senders.delete(id);
      pump();
    },
  };
}

async function renewed(): Promise<void> {
  if (!(await renew(Date.now() - 1000).catch(() => true))) session.set('expired');
}
