import { expect, it } from 'vitest';
import type { RecordingEvents, Result } from '@/api/types';
import { after } from './after';

function result(): Result {
  return {
    session_id: '1',
    status: 'running',
    stage: null,
    error: null,
    progress: { position: 0, duration: null },
    transcript: { version: 1, speakers: {}, segments: [] },
  } as unknown as Result;
}

const said = (position: number, text: string): RecordingEvents['segment'] => ({
  position,
  speaker: null,
  start_time: position,
  end_time: position + 1,
  text,
  confidence: null,
  language: null,
  words: [],
});

it('text appears in its place, once', () => {
  let now = after(result(), 'segment', said(0, 'one'));
  now = after(now, 'segment', said(1, 'two'));
  now = after(now, 'segment', said(1, 'two'));
  expect(now.transcript.segments.map(({ text }) => text)).toEqual(['one', 'two']);
});

it('a gap is not filled with nothing', () => {
  expect(after(result(), 'segment', said(3, 'four')).transcript.segments).toEqual([]);
});

it('another engine begins anew', () => {
  const begun = after(result(), 'segment', said(0, 'one'));
  expect(after(begun, 'restart', {}).transcript.segments).toEqual([]);
});

it('state and progress are as told, and the former value is left alone', () => {
  const before = result();
  const failed = after(before, 'state', { status: 'failed', error: { code: 'x', message: 'No.' } });
  expect([failed.status, failed.error?.message]).toEqual(['failed', 'No.']);
  expect(after(before, 'progress', { position: 3, duration: 9, speed: 2 }).progress.position).toBe(3);
  expect(before.status).toBe('running');
});
