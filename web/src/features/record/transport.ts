/** tus, as far as a recording needs it. */
import { authorised } from '@/api/client';
import { problemOf } from '@/api/errors';

const ENDPOINT = '/api/v1/uploads';
const PATIENCE_MS = 30_000;

/** What the server says; `status` is 0 where it cannot be reached. */
export interface Answer {
  status: number;
  location: string | null;
  offset: number | null;
  length: number | null;
  recordingId: string | null;
  /** Of a refusal: a sentence for a person. */
  message: string;
}

export interface Told {
  length?: number | undefined;
  metadata?: string | undefined;
}

export interface Transport {
  create(metadata: string): Promise<Answer>;
  patch(url: string, offset: number, body: Blob, told: Told): Promise<Answer>;
  head(url: string): Promise<Answer>;
}

function count(headers: Headers, name: string): number | null {
  const value = headers.get(name);
  return value === null ? null : Number(value);
}

async function send(url: string, init: RequestInit): Promise<Answer> {
  try {
    const address = new URL(url, window.location.origin);
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const headers = { 'Tus-Resumable': '1.0.0', ...init.headers };
    const answer = await authorised(new Request(address, { ...init, headers, signal }));
    return {
      status: answer.status,
      location: answer.headers.get('Location'),
      offset: count(answer.headers, 'Upload-Offset'),
      length: count(answer.headers, 'Upload-Length'),
      recordingId: answer.headers.get('Tiro-Session'),
      message: answer.ok ? '' : problemOf(answer.status, await answer.text()).message,
    };
  } catch {
    return { status: 0, location: null, offset: null, length: null, recordingId: null, message: '' };
  }
}

export const transport: Transport = {
  create: (metadata) =>
    send(ENDPOINT, {
      method: 'POST',
      headers: { 'Upload-Defer-Length': '1', 'Upload-Metadata': metadata },
    }),
  patch: (url, offset, body, { length, metadata }) =>
    send(url, {
      method: 'PATCH',
      // Of a type of its own, a blob would be sent as what it is.
      body: new Blob([body], { type: '' }),
      headers: {
        'Content-Type': 'application/offset+octet-stream',
        'Upload-Offset': String(offset),
        ...(length === undefined ? {} : { 'Upload-Length': String(length) }),
        ...(metadata === undefined ? {} : { 'Upload-Metadata': metadata }),
      },
    }),
  head: (url) => send(url, { method: 'HEAD' }),
};
