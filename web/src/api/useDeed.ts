import { type QueryKey, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { sentence } from '@/ui/sentence';
import { say } from '@/ui/Toast';

/** Do something and ask anew for what it changed, whether it went well or not. `run` says in passing what went
 * wrong; `attempt` throws it, for whoever has a place to say it. */
export function useDeed(...changed: QueryKey[]) {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);

  async function attempt<T>(action: () => Promise<T>): Promise<T> {
    setBusy(true);
    try {
      return await action();
    } finally {
      await Promise.all(changed.map((queryKey) => client.invalidateQueries({ queryKey })));
      setBusy(false);
    }
  }

  async function run(action: () => Promise<unknown>, done?: string): Promise<void> {
    try {
      await attempt(action);
      if (done) say(done);
    } catch (error) {
      say(sentence(error), { bad: true });
    }
  }

  return { busy, attempt, run };
}
