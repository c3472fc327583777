/** Limits as people write them, and as the server has them: 0 is none, null is the server's own. */
import type { User } from './queries';

export type Quota = User['quota'];
export const LIMITS = ['storage', 'minutes', 'jobs', 'uploads'] as const;
export type Limit = (typeof LIMITS)[number];
const GIGABYTE = 1e9;

/** What a field shows of a limit: gigabytes of bytes; nothing where the server's own holds. */
export function written(limit: Limit, value: number | null | undefined): string {
  if (value === null || value === undefined) return '';
  return String(limit === 'storage' ? value / GIGABYTE : value);
}

/** What a field means; NaN where it is no limit. */
export function meant(limit: Limit, text: string): number | null {
  if (text.trim() === '') return null;
  const value = Number(text);
  if (!(value >= 0)) return Number.NaN;
  if (limit === 'storage') return Math.round(value * GIGABYTE);
  return limit === 'minutes' ? value : Math.round(value);
}
