import type { RecordingEvents, Result } from '@/api/types';

/** The result after an event, so that text appears as it is heard. */
export function after<K extends keyof RecordingEvents>(
  result: Result,
  type: K,
  data: RecordingEvents[K],
): Result {
  switch (type) {
    case 'segment': {
      const { position, ...segment } = data as RecordingEvents['segment'];
      const segments = result.transcript.segments.slice();
      segments[position] = { id: position, ...segment };
      // One that came before the first answer is in it already; a gap would be one that was missed.
      if (segments.length > result.transcript.segments.length + 1) return result;
      return { ...result, transcript: { ...result.transcript, segments } };
    }
    case 'restart':
      return { ...result, transcript: { ...result.transcript, segments: [] } };
    case 'stage':
      return { ...result, stage: (data as RecordingEvents['stage']).stage };
    case 'progress': {
      const { position, duration } = data as RecordingEvents['progress'];
      return { ...result, progress: { position, duration } };
    }
    case 'state': {
      const { status, error } = data as RecordingEvents['state'];
      return { ...result, status, error: error ?? null };
    }
    default:
      return result;
  }
}
