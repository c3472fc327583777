/** Which recordings the library shows, as its address says it. */
import type { Order, Wanted } from '@/api/queries';
import type { Status } from '@/api/types';

export interface LibrarySearch {
  status?: Status;
  order?: Order;
  title?: string;
  tag?: string[];
  language?: string;
  speaker?: string;
  /** Days, as a calendar has them; the last is among them. */
  since?: string;
  until?: string;
  /** Those on hold alone. */
  held?: boolean;
}

const STATUSES: readonly string[] = ['queued', 'running', 'completed', 'failed', 'cancelled'];
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const MOST_TAGS = 50;

/** Text, of which an address may make a number. */
function text(value: unknown, most = 200): string | undefined {
  const plain = typeof value === 'number' ? String(value) : value;
  return typeof plain === 'string' && plain.trim() !== '' ? plain.slice(0, most) : undefined;
}

function day(value: unknown): string | undefined {
  return typeof value === 'string' && DAY.test(value) && !Number.isNaN(Date.parse(value)) ? value : undefined;
}

/** What is known of an address; the rest is passed over, for anybody may have written it. */
export function librarySearch(search: Record<string, unknown>): LibrarySearch {
  const tags = (Array.isArray(search.tag) ? search.tag : [search.tag])
    .map((tag) => text(tag, 50))
    .filter((tag) => tag !== undefined)
    .slice(0, MOST_TAGS);
  const found = {
    status: STATUSES.includes(String(search.status)) ? (search.status as Status) : undefined,
    order: search.order === 'oldest' || search.order === 'title' ? search.order : undefined,
    title: text(search.title),
    tag: tags.length > 0 ? [...new Set(tags)] : undefined,
    language: text(search.language, 20),
    speaker: text(search.speaker),
    since: day(search.since),
    until: day(search.until),
    held: search.held === true || search.held === 'true' ? true : undefined,
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

/** When a day begins here; `later` days on. */
export function beginning(date: string, later = 0): string {
  const [year = 1970, month = 1, number = 1] = date.split('-').map(Number);
  return new Date(year, month - 1, number + later).toISOString();
}

export function wantedOf(search: LibrarySearch): Wanted {
  return {
    status: search.status ?? null,
    order: search.order ?? 'newest',
    title: search.title ?? '',
    tags: search.tag ?? [],
    language: search.language ?? null,
    speaker: search.speaker ?? null,
    since: search.since ? beginning(search.since) : null,
    before: search.until ? beginning(search.until, 1) : null,
    held: search.held ?? null,
  };
}

/** How many things narrow the list down; the order is none. */
export function countFilters({ order: _, tag = [], ...rest }: LibrarySearch): number {
  return Object.values(rest).filter((value) => value !== undefined).length + tag.length;
}
