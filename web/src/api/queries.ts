/** What is asked of the server, under the names by which answers are kept. */
import { queryOptions } from '@tanstack/react-query';
import { api, told } from './client';
import type { Status } from './types';

export const PAGE = 100;
export type Order = 'newest' | 'oldest' | 'title';

/** Which recordings a list has, and in what order; `title` is found within titles. */
export interface Wanted {
  status: Status | null;
  title: string;
  order: Order;
  tags: readonly string[];
  language: string | null;
  speaker: string | null;
  since: string | null;
  before: string | null;
  held: boolean | null;
}

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: () => told(api.GET('/api/v1/me')),
  staleTime: Number.POSITIVE_INFINITY,
});

export const methodsQuery = queryOptions({
  queryKey: ['methods'],
  queryFn: () => told(api.GET('/api/v1/auth/methods')),
  staleTime: Number.POSITIVE_INFINITY,
});

export const usageQuery = queryOptions({
  queryKey: ['usage'],
  queryFn: () => told(api.GET('/api/v1/me/usage')),
});

export const keysQuery = queryOptions({
  queryKey: ['keys'],
  queryFn: () => told(api.GET('/api/v1/keys')),
});

export const factorQuery = queryOptions({
  queryKey: ['second-factor'],
  queryFn: () => told(api.GET('/api/v1/me/second-factor')),
});

/** A page of the library; `page` counts from 0. */
export function pageQuery(wanted: Wanted, page: number) {
  const { status, title, order, tags, language, speaker, since, before, held } = wanted;
  return queryOptions({
    queryKey: ['library', 'page', wanted, page],
    queryFn: () =>
      told(
        api.GET('/api/v1/transcribe', {
          params: {
            query: {
              limit: PAGE,
              offset: page * PAGE,
              shared: 'all',
              order,
              ...(status ? { status } : {}),
              ...(title ? { title } : {}),
              ...(tags.length > 0 ? { tag: [...tags] } : {}),
              ...(language ? { language } : {}),
              ...(speaker ? { speaker } : {}),
              ...(since ? { since } : {}),
              ...(before ? { before } : {}),
              ...(held === null ? {} : { held }),
            },
          },
        }),
      ),
  });
}

export const tagsQuery = queryOptions({
  queryKey: ['library', 'tags'],
  queryFn: () => told(api.GET('/api/v1/tags')),
});

export function recordingQuery(id: string) {
  return queryOptions({
    queryKey: ['recording', id],
    queryFn: () => told(api.GET('/api/v1/transcribe/{session_id}', { params: { path: { session_id: id } } })),
    // A long one is megabytes, and a stream tells of what changes.
    refetchOnWindowFocus: false,
  });
}

export function peaksQuery(id: string) {
  return queryOptions({
    queryKey: ['peaks', id],
    queryFn: () =>
      told(api.GET('/api/v1/transcribe/{session_id}/peaks', { params: { path: { session_id: id } } })),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
}
