import type { ProblemBody } from './types';

/** What the server answered instead of what was asked for; `code` is stable, `message` is for a person. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  /** Seconds after which to try again, where the server says so. */
  readonly retryAfter: number | null;
  /** All that the problem says, for those that say more than a code. */
  readonly body: unknown;

  constructor(
    status: number,
    code: string,
    message: string,
    retryAfter: number | null = null,
    body: unknown = null,
  ) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
    this.body = body;
  }
}

/** The server could not be reached at all. */
export class Unreachable extends Error {
  constructor() {
    super('The server does not answer.');
    this.name = 'Unreachable';
  }
}

/** An error of a body that may be a problem, or anything a proxy put in its place. */
export function problemOf(status: number, body: string, retryAfter: string | null = null): ApiError {
  const seconds = retryAfter === null || Number.isNaN(Number(retryAfter)) ? null : Number(retryAfter);
  try {
    const problem = JSON.parse(body) as Partial<ProblemBody> | null;
    if (problem && typeof problem.code === 'string' && typeof problem.detail === 'string') {
      return new ApiError(status, problem.code, problem.detail, seconds, problem);
    }
  } catch {
    // Not ours: told by its status alone.
  }
  return new ApiError(status, 'unknown', `The server answered with ${status}.`, seconds);
}

export function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}
