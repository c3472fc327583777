/** Transcripts for tests. */
import type { Segment, Transcript } from '@/api/types';

export function segment(id: number, text: string, speaker: string | null = 'left'): Segment {
  const words = text.split(' ').map((word, index) => ({
    text: word,
    start_time: id * 10 + index,
    end_time: id * 10 + index + 1,
    confidence: null,
  }));
  const end_time = id * 10 + words.length;
  return { id, speaker, start_time: id * 10, end_time, text, confidence: null, language: 'en', words };
}

export function transcript(...texts: string[]): Transcript {
  return { version: 1, speakers: {}, segments: texts.map((text, id) => segment(id, text)) };
}
