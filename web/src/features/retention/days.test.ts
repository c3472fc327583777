import { expect, it } from 'vitest';
import { daysOf } from './days';

it('nothing is for ever, and 0 days are for files alone', () => {
  expect(daysOf('', ' ')).toEqual({ media_days: null, recording_days: null });
  expect(daysOf('0', '30')).toEqual({ media_days: 0, recording_days: 30 });
});

it.each([
  ['', '0'],
  ['-1', ''],
  ['1.5', ''],
  ['soon', ''],
  ['', '36501'],
])('%j and %j are no days', (media, recording) => expect(daysOf(media, recording)).toBeNull());
