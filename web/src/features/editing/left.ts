import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useSession } from '@/features/account/AuthGate';
import { sentence } from '@/ui/sentence';
import { say } from '@/ui/Toast';

/** Edits that a former visit could not send are sent when this browser comes again; what that takes is loaded
 * only where there are some. */
export function useLeftEdits(): void {
  const client = useQueryClient();
  const signedIn = useSession() === 'in';
  useEffect(() => {
    if (!signedIn || !Object.keys(localStorage).some((key) => key.startsWith('tiro.edits/'))) return;
    import('./useDesk')
      .then(({ sendLeft }) => sendLeft(client))
      .catch((error: unknown) => say(sentence(error), { bad: true }));
  }, [client, signedIn]);
}
