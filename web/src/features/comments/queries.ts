import { queryOptions } from '@tanstack/react-query';
import { api, told } from '@/api/client';
import type { Comment } from '@/api/types';

/** All comments of a recording, oldest first. */
export function commentsQuery(id: string) {
  return queryOptions({
    queryKey: ['comments', id],
    queryFn: async () => {
      const found: Comment[] = [];
      let after: string | null = null;
      do {
        const query: { limit: number; after?: string } = { limit: 500, ...(after ? { after } : {}) };
        const page: { items: Comment[]; next: string | null } = await told(
          api.GET('/api/v1/transcribe/{session_id}/comments', {
            params: { path: { session_id: id }, query },
          }),
        );
        found.push(...page.items);
        after = page.next;
      } while (after !== null);
      return found;
    },
  });
}
