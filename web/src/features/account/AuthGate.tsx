import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState, useSyncExternalStore } from 'react';
import { Unreachable } from '@/api/errors';
import { meQuery } from '@/api/queries';
import { csrfToken, keepAlive, session, signedIn } from '@/api/session';
import { useT } from '@/i18n';
import { NoConnection } from '@/routes/NoConnection';
import { Mark } from '@/ui/Logo';
import { forgetRefusal } from './refusal';
import { SignIn } from './SignIn';

const LOOK_MS = 3000;

export function useSession() {
  return useSyncExternalStore(session.subscribe, session.get);
}

/** Shows what is behind it to whoever has signed in. Where a login ends meanwhile, the page stays as it is
 * beneath the question for the password. */
export function AuthGate({ children }: { children: ReactNode }) {
  const standing = useSession();
  const client = useQueryClient();
  const [away, setAway] = useState(false);
  useT();

  useEffect(() => keepAlive(), []);
  useEffect(() => {
    if (standing !== 'unknown') return;
    if (csrfToken() === null) {
      session.set('out');
      return;
    }
    let timer = 0;
    let ended = false;
    const look = () =>
      client.fetchQuery({ ...meQuery, retry: false }).then(
        () => session.set('in'),
        (error: unknown) => {
          if (ended) return;
          if (error instanceof Unreachable) {
            setAway(true);
            timer = window.setTimeout(look, LOOK_MS);
          } else if (session.get() === 'unknown') session.set('out');
        },
      );
    void look();
    return () => {
      ended = true;
      window.clearTimeout(timer);
    };
  }, [standing, client]);

  async function entered(): Promise<void> {
    signedIn();
    forgetRefusal();
    await client.invalidateQueries();
  }

  if (standing === 'unknown') return away ? <NoConnection /> : <Splash />;
  if (standing === 'out') return <SignIn onDone={entered} />;
  return (
    <>
      <div inert={standing === 'expired'}>{children}</div>
      {standing === 'expired' && (
        <div className="fixed inset-0 z-70 overflow-y-auto bg-glass backdrop-blur-md">
          <SignIn expired onDone={entered} />
        </div>
      )}
    </>
  );
}

/** Nothing at all for a moment, so that a quick answer does not flicker. */
function Splash() {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 400);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className="grid min-h-dvh place-items-center">
      {late && <Mark className="size-12 animate-breathe" />}
    </div>
  );
}
