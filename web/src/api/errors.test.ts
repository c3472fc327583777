import { expect, it } from 'vitest';
import { ApiError, isGone, problemOf } from './errors';

it('a problem keeps its code and its sentence', () => {
  const body = JSON.stringify({ code: 'upload_too_large', detail: 'It is too large.', status: 413 });
  const error = problemOf(413, body, '7');
  expect([error.code, error.message, error.status, error.retryAfter]).toEqual([
    'upload_too_large',
    'It is too large.',
    413,
    7,
  ]);
});

it.each(['', 'null', '<html>Bad gateway</html>', '{"detail": 3}', '[]'])(
  '%j is no problem of ours',
  (body) => {
    const error = problemOf(502, body);
    expect([error.code, error.message]).toEqual(['unknown', 'The server answered with 502.']);
  },
);

it('what has gone is told from what went wrong', () => {
  expect(isGone(new ApiError(404, 'not_found', ''))).toBe(true);
  expect(isGone(new ApiError(403, 'forbidden', ''))).toBe(false);
  expect(isGone(new Error())).toBe(false);
});
