import { describe, expect, it } from 'vitest';
import { filterQuery, knownSearch } from './audit';
import type { StorageUse } from './queries';
import { meant, written } from './quotas';
import { slices } from './room';

const use = (more: Partial<StorageUse> = {}) =>
  ({
    disk: { total: 1000, free: 400, reserve: 100 },
    bucket: null,
    kinds: { recordings: 300, uploads: 50, models: 100, database: 20 },
    users: [],
    ...more,
  }) as StorageUse;

describe('room', () => {
  const bytes = (found: ReturnType<typeof slices>) => Object.fromEntries(found.map((s) => [s.kind, s.bytes]));

  it('adds up to the disk', () => {
    const found = slices(use());
    expect(bytes(found)).toEqual({
      recordings: 300,
      models: 100,
      database: 20,
      other: 180,
      free: 300,
      reserve: 100,
    });
    expect(found.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
  });

  it('never shows more than there is, nor what is elsewhere', () => {
    const kinds = { recordings: 5000, uploads: 0, models: 100, database: 20 };
    expect(bytes(slices(use({ kinds })))).toMatchObject({ recordings: 600, models: 0, other: 0 });
    expect(bytes(slices(use({ kinds, bucket: 's3://here' })))).toMatchObject({ recordings: 0, models: 100 });
    const full = { total: 1000, free: 30, reserve: 100 };
    expect(bytes(slices(use({ disk: full })))).toMatchObject({ free: 0, reserve: 30 });
  });
});

describe('quotas', () => {
  it('are written in gigabytes and meant in bytes', () => {
    expect(written('storage', 2_500_000_000)).toBe('2.5');
    expect(meant('storage', '2.5')).toBe(2_500_000_000);
    expect([written('jobs', null), written('jobs', undefined), written('jobs', 0)]).toEqual(['', '', '0']);
    expect([meant('jobs', ' '), meant('jobs', '0'), meant('minutes', '1.5')]).toEqual([null, 0, 1.5]);
  });

  it.each(['-1', 'many', '1,5'])('%j is no limit', (text) => expect(meant('storage', text)).toBeNaN());
});

describe('audit', () => {
  it('takes from an address only what it knows', () => {
    expect(knownSearch({ action: 'key', actor: 'x', since: '2026-01-31', until: 'soon', page: 3 })).toEqual({
      action: 'key',
      actor: 'x',
      since: '2026-01-31',
    });
  });

  it('asks for whole days, as the person has them', () => {
    const query = filterQuery({ since: '2026-01-31', until: '2026-01-31' });
    const [since, until] = [query.since, query.until].map((iso) => new Date(iso ?? '').getTime());
    expect((until ?? 0) - (since ?? 0)).toBe(24 * 3600 * 1000);
  });
});
