/** What admins ask of the server. What changes by itself is asked for again every few seconds: there are no
 * events of other people's jobs. */
import { queryOptions } from '@tanstack/react-query';
import { api, told } from '@/api/client';
import type { components } from '@/api/generated/schema';
import type { Status } from '@/api/types';

type Schemas = components['schemas'];
export type User = Schemas['User'];
export type Group = Schemas['Group'];
export type AdminJob = Schemas['AdminJob'];
export type JobQueue = Schemas['JobQueue'];
export type LocalModel = Schemas['LocalModel'];
export type LocalModels = Schemas['LocalModels'];
export type StorageUse = Schemas['StorageUse'];
export type AdminHealth = Schemas['AdminHealth'];
export type Entry = Schemas['Entry'];

export const OFTEN_MS = 3000;
const NOW_AND_THEN_MS = 15_000;

export const usersQuery = queryOptions({
  queryKey: ['admin', 'users'],
  queryFn: () => told(api.GET('/api/v1/users')),
});

export const groupsQuery = queryOptions({
  queryKey: ['groups'],
  queryFn: () => told(api.GET('/api/v1/groups')),
});

export const queuesQuery = queryOptions({
  queryKey: ['admin', 'queues'],
  queryFn: () => told(api.GET('/api/v1/admin/queues')),
  refetchInterval: OFTEN_MS,
});

export interface JobsWanted {
  state: Status | null;
  queue: JobQueue | null;
  before: string | null;
}

export function jobsQuery({ state, queue, before }: JobsWanted) {
  const query = { ...(state && { state }), ...(queue && { queue }), ...(before && { before }) };
  return queryOptions({
    queryKey: ['admin', 'jobs', state, queue, before],
    queryFn: () => told(api.GET('/api/v1/admin/jobs', { params: { query } })),
    refetchInterval: OFTEN_MS,
    placeholderData: (shown) => shown,
  });
}

export const modelsQuery = queryOptions({
  queryKey: ['admin', 'models'],
  queryFn: () => told(api.GET('/api/v1/admin/models')),
  // Only what is on its way changes by itself.
  refetchInterval: ({ state }) =>
    state.data?.items.some((model) => model.state === 'fetching') ? 1000 : NOW_AND_THEN_MS,
});

export const storageQuery = queryOptions({
  queryKey: ['admin', 'storage'],
  queryFn: () => told(api.GET('/api/v1/admin/storage')),
});

export const healthQuery = queryOptions({
  queryKey: ['admin', 'health'],
  queryFn: () => told(api.GET('/api/v1/admin/health')),
  refetchInterval: NOW_AND_THEN_MS,
});

export const serverSettingsQuery = queryOptions({
  queryKey: ['admin', 'settings'],
  queryFn: () => told(api.GET('/api/v1/admin/settings')),
});
