import { useInfiniteQuery } from '@tanstack/react-query';
import { api, told } from '@/api/client';
import type { paths } from '@/api/generated/schema';
import { type AuditSearch, filterQuery } from './audit';

type Query = NonNullable<paths['/api/v1/audit']['get']['parameters']['query']>;
const PAGE = 200;

/** The entries that the filters leave, page after page as somebody reads on. */
export function useAudit(search: AuditSearch) {
  const wanted = filterQuery(search) as Query;
  const found = useInfiniteQuery({
    queryKey: ['admin', 'audit', wanted],
    initialPageParam: null as number | null,
    queryFn: ({ pageParam }) => {
      const query = { ...wanted, limit: PAGE, ...(pageParam === null ? {} : { before: pageParam }) };
      return told(api.GET('/api/v1/audit', { params: { query } }));
    },
    getNextPageParam: (last) => last.next,
  });
  return { ...found, entries: found.data?.pages.flatMap((page) => page.items) ?? [] };
}

/** Where the same entries are to be had as a file. */
export function exportAddress(search: AuditSearch, extension: 'csv' | 'jsonl'): string {
  const query = new URLSearchParams(Object.entries(filterQuery(search)));
  return `/api/v1/audit/export.${extension}?${query}`;
}
