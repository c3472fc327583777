import { expect, test } from 'vitest';
import { refusalIn } from './refusal';

test('a refused login is told by its code', () => {
  expect(refusalIn('?refused=identity_unknown')).toEqual({
    code: 'identity_unknown',
    sentence: 'sign.refused.identity_unknown',
  });
  expect(refusalIn('?refused=rate_limited')?.sentence).toBe('sign.refused.other');
});

test.each(['', '?refused=', '?refused=Call+0800+…', '?refused=<b>', `?refused=${'a'.repeat(61)}`])(
  'what is no code is not shown: %s',
  (search) => expect(refusalIn(search)).toBeNull(),
);
