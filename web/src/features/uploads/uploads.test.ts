import { describe, expect, it } from 'vitest';
import { isOtherKind } from './files';
import { due, isUnderWay, metered, newUpload, type Phase, timeLeft, type Upload } from './queue';

const upload = (id: number, phase: Phase): Upload => ({
  ...newUpload(id, { name: 'a.wav', size: 1000 } as File),
  phase,
});

it('so many at once, in the order in which they came', () => {
  const uploads = [upload(1, 'sending'), upload(2, 'waiting'), upload(3, 'paused'), upload(4, 'waiting')];
  expect(due(uploads, 2).map(({ id }) => id)).toEqual([2]);
  expect(due(uploads, 3).map(({ id }) => id)).toEqual([2, 4]);
  expect(due(uploads, 1)).toEqual([]);
  expect(uploads.filter(isUnderWay).map(({ id }) => id)).toEqual([1, 2, 4]);
});

describe('speed', () => {
  it('is smoothed, and not taken from moments', () => {
    let meter = metered({ sent: 0, at: 0, speed: null }, 500, 1000);
    expect(meter.speed).toBe(500);
    expect(metered(meter, 600, 1100)).toBe(meter);
    meter = metered(meter, 1500, 2000);
    expect(meter.speed).toBeCloseTo(650);
  });
  it('tells the time left', () => {
    expect(timeLeft({ ...upload(1, 'sending'), sent: 400, speed: 200 })).toBe(3);
    expect(timeLeft(upload(1, 'sending'))).toBeNull();
  });
});

it('what can be no recording is known by its kind, and the rest is for the server to say', () => {
  for (const type of ['image/png', 'application/pdf', 'text/plain', 'application/vnd.ms-excel']) {
    expect(isOtherKind({ type })).toBe(true);
  }
  for (const type of ['audio/mpeg', 'video/mp4', '', 'application/octet-stream', 'application/ogg']) {
    expect(isOtherKind({ type })).toBe(false);
  }
});
