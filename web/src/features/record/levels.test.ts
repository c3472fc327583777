import { describe, expect, it } from 'vitest';
import { obstacleOf } from './capture';
import { Levels, loudness } from './levels';
import { Stopwatch } from './stopwatch';

describe('loudness', () => {
  it('is nothing in silence, all at the loudest, and grows between', () => {
    const of = (peak: number) => loudness(new Float32Array([0, -peak, peak / 2]));
    expect(of(0)).toBe(0);
    expect(of(1)).toBe(1);
    expect(of(0.1)).toBeGreaterThan(of(0.01));
    expect(of(2)).toBe(1);
  });
});

describe('levels', () => {
  it('keep the loudest of each bar, and so many of them', () => {
    const levels = new Levels(3, 100);
    for (const [level, at] of [
      [0.1, 0],
      [0.9, 50],
      [0.2, 100],
      [0.3, 200],
      [0.4, 300],
      [0.5, 400],
    ] as const)
      levels.add(level, at);
    expect(levels.bars).toEqual([0.3, 0.4, 0.5]);
  });

  it('invent nothing for the time that a tab was hidden', () => {
    const levels = new Levels(100, 100);
    levels.add(0.5, 0);
    levels.add(0.5, 60_000);
    expect(levels.bars.length).toBeLessThan(3);
  });
});

describe('a stopwatch', () => {
  it('leaves pauses out', () => {
    let now = 0;
    const watch = new Stopwatch(() => now);
    watch.start();
    now = 2000;
    watch.pause();
    now = 9000;
    expect(watch.seconds).toBe(2);
    watch.start();
    now = 10_000;
    expect(watch.seconds).toBe(3);
  });
});

describe('what a browser refuses', () => {
  it.each([
    ['NotAllowedError', false, 'refused'],
    ['NotAllowedError', true, 'tab.refused'],
    ['NotFoundError', false, 'missing'],
    ['NotReadableError', false, 'taken'],
    ['Strange', false, 'unknown'],
  ] as const)('%s is told apart', (name, tab, obstacle) => {
    expect(obstacleOf(Object.assign(new Error(), { name }), tab)).toBe(obstacle);
  });
});
