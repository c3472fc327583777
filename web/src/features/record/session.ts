/** A recording on its way from the microphone to the library, as the browser keeps it until it is there. */

export interface Mark {
  /** Seconds from the start. */
  at: number;
  text: string;
}

export interface Session {
  id: string;
  /** Whose it is: another person who signs in here must not send it. */
  userId: string;
  startedAt: number;
  /** When its last chunk came. */
  lastAt: number;
  mime: string;
  title: string;
  language: string;
  marks: Mark[];
  /** Where it is uploaded to; null before it was announced. */
  url: string | null;
  /** Bytes that the server has for good. */
  saved: number;
  /** A recording that the server made of its beginning, when nothing came for too long. */
  short: string | null;
}

export interface Chunk {
  session: string;
  index: number;
  /** Which of the recording's bytes these are. */
  start: number;
  end: number;
  /** Seconds recorded at its end. */
  until: number;
  data: Blob;
}

const ENDINGS: Record<string, string> = { 'audio/mp4': 'm4a', 'audio/ogg': 'ogg', 'audio/webm': 'webm' };

export function filename(mime: string): string {
  return `recording.${ENDINGS[mime.split(';')[0] ?? ''] ?? 'webm'}`;
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

/** What tus says of the recording in `Upload-Metadata`. */
export function metadata(session: Session): string {
  const marks = session.marks.map(({ at, text }) => `${at.toFixed(2)} ${text.replace(/\s+/g, ' ').trim()}`);
  const fields: Record<string, string> = {
    filename: filename(session.mime),
    live: 'true',
    title: session.title.trim(),
    language: session.language,
    marks: marks.join('\n'),
  };
  return Object.entries(fields)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name} ${base64(value)}`)
    .join(',');
}
