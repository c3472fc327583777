import { queryOptions } from '@tanstack/react-query';
import { api, told } from '@/api/client';
import type { components } from '@/api/generated/schema';

type Schemas = components['schemas'];
export type Webhook = Schemas['Webhook'];
export type Delivery = Schemas['Delivery'];
export type WebhookEvent = Schemas['WebhookEvent'];

/** What can be asked for; by default all of it. */
export const EVENTS = [
  'recording.accepted',
  'transcription.completed',
  'transcription.failed',
  'transcription.cancelled',
  'recording.deleted',
] as const satisfies WebhookEvent[];

export const webhooksQuery = queryOptions({
  queryKey: ['webhooks'],
  queryFn: () => told(api.GET('/api/v1/webhooks')),
});

export function deliveriesQuery(id: string) {
  return queryOptions({
    queryKey: ['webhooks', id, 'deliveries'],
    queryFn: () =>
      told(
        api.GET('/api/v1/webhooks/{webhook_id}/deliveries', {
          params: { path: { webhook_id: id }, query: { limit: 50 } },
        }),
      ),
    // What waits is tried by itself.
    refetchInterval: ({ state }) =>
      state.data?.items.some((one) => one.state === 'pending') ? 3000 : 15_000,
  });
}
