/** What of the audit log is wanted, as the address of the page says it and as the server is asked. */
export interface AuditSearch {
  action?: string;
  actor?: string;
  target?: string;
  /** Days, as a calendar has them, and as this person's clock has them. */
  since?: string;
  until?: string;
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;

export function knownSearch(search: Record<string, unknown>): AuditSearch {
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value.slice(0, 100) : null);
  const day = (value: unknown) => (typeof value === 'string' && DAY.test(value) ? value : null);
  const found = {
    action: text(search.action),
    actor: text(search.actor),
    target: text(search.target),
    since: day(search.since),
    until: day(search.until),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== null));
}

/** When a day begins here, in the form in which the server takes moments; `later` days on. */
export function beginning(day: string, later = 0): string {
  const [year = 1970, month = 1, date = 1] = day.split('-').map(Number);
  return new Date(year, month - 1, date + later).toISOString();
}

export interface AuditQuery {
  action?: string;
  actor?: string;
  target?: string;
  since?: string;
  until?: string;
}

export function filterQuery({ since, until, ...same }: AuditSearch): AuditQuery {
  return {
    ...same,
    ...(since ? { since: beginning(since) } : {}),
    // The last day is among them.
    ...(until ? { until: beginning(until, 1) } : {}),
  };
}
