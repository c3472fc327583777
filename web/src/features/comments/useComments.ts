import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api, told } from '@/api/client';
import type { Comment } from '@/api/types';
import { sentence } from '@/ui/sentence';
import { say } from '@/ui/Toast';
import { inOrder } from './places';
import { commentsQuery } from './queries';

export interface Comments {
  /** In the order of the recording; those about all of it come first. Null while nobody knows. */
  items: readonly Comment[] | null;
  error: unknown;
  add: (text: string, at: number | null) => Promise<boolean>;
  change: (id: string, change: { text?: string; resolved?: boolean }) => Promise<boolean>;
  remove: (id: string) => Promise<boolean>;
}

export function useComments(id: string): Comments {
  const client = useQueryClient();
  const { data, error } = useQuery(commentsQuery(id));
  const items = useMemo(() => (data ? inOrder(data) : null), [data]);
  const deeds = useMemo(() => {
    const { queryKey } = commentsQuery(id);
    const path = { session_id: id };
    const done = async (deed: Promise<unknown>, change: (before: Comment[]) => Comment[]) => {
      try {
        await deed;
      } catch (error) {
        say(sentence(error), { bad: true });
        return false;
      }
      client.setQueryData(queryKey, (before) => before && change(before));
      await client.invalidateQueries({ queryKey });
      return true;
    };
    return {
      add: (text: string, at: number | null) =>
        done(
          told(
            api.POST('/api/v1/transcribe/{session_id}/comments', { params: { path }, body: { text, at } }),
          ),
          (before) => before,
        ),
      change: (comment_id: string, change: { text?: string; resolved?: boolean }) =>
        done(
          told(
            api.PATCH('/api/v1/transcribe/{session_id}/comments/{comment_id}', {
              params: { path: { ...path, comment_id } },
              body: change,
            }),
          ),
          (before) => before,
        ),
      remove: (comment_id: string) =>
        done(
          told(
            api.DELETE('/api/v1/transcribe/{session_id}/comments/{comment_id}', {
              params: { path: { ...path, comment_id } },
            }),
          ),
          (before) => before.filter((comment) => comment.id !== comment_id),
        ),
    };
  }, [client, id]);
  return { items, error, ...deeds };
}
