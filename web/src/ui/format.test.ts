import { describe, expect, it } from 'vitest';
import { clock, moment, percent, size, stretch } from './format';

describe('times', () => {
  it.each([
    [0, '0:00'],
    [7.9, '0:07'],
    [750, '12:30'],
    [3723, '1:02:03'],
    [-1, '0:00'],
    [Number.NaN, '0:00'],
    [Number.POSITIVE_INFINITY, '0:00'],
  ])('%s seconds are %s', (seconds, text) => expect(clock(seconds)).toBe(text));

  it.each([
    [8.4, '8 sec'],
    [180, '3 min'],
    [4800, '1 hr 20 min'],
    [7199, '2 hr'],
  ])('%s seconds in words are %s', (seconds, text) => expect(stretch(seconds, 'en')).toBe(text));

  it('a moment of today is its time, another its day', () => {
    const now = new Date('2026-11-21T12:00:00');
    expect(moment('2026-11-21T09:05:00', 'en', now)).toBe('9:05 AM');
    expect(moment('2026-03-02T09:05:00', 'en', now)).toBe('Mar 2');
    expect(moment('2024-03-02T09:05:00', 'en', now)).toBe('Mar 2, 2024');
  });
});

it('a share is never rounded up to what it is not', () => {
  expect(percent(0.999, 'en')).toBe('99%');
  expect(percent(7, 'en')).toBe('100%');
  expect(percent(Number.NaN, 'en')).toBe('0%');
});

it('sizes have a unit that fits', () => {
  expect(size(0, 'en')).toBe('0 byte');
  expect(size(1_540_000, 'en')).toBe('1.5 MB');
  expect(size(25_000_000_000, 'en')).toBe('25 GB');
});
