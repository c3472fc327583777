/** Transcripts as files. */
import { preferences } from '@/ui/preferences';

export const FORMATS = ['txt', 'srt', 'vtt', 'tsv', 'json'] as const;
export type Format = (typeof FORMATS)[number];

/** What was taken last in this browser; subtitles before anything was. */
export function lastFormat(): Format {
  const { exported } = preferences.get();
  return FORMATS.find((each) => each === exported) ?? 'srt';
}

export function exportAddress(id: string, format: Format): string {
  return `/api/v1/transcribe/${id}/transcript.${format}`;
}

/** Save it as last time. */
export function exportAgain(id: string): void {
  const link = document.createElement('a');
  link.href = exportAddress(id, lastFormat());
  link.download = '';
  link.click();
}
