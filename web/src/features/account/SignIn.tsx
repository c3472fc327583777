import { useQuery } from '@tanstack/react-query';
import { KeyRound } from 'lucide-react';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { api, told } from '@/api/client';
import { ApiError, problemOf } from '@/api/errors';
import { methodsQuery } from '@/api/queries';
import { useT } from '@/i18n';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Form } from '@/ui/Form';
import { Mark } from '@/ui/Logo';
import { Message } from '@/ui/Message';
import { refusal } from './refusal';

interface SignInProps {
  expired?: boolean;
  onDone: () => Promise<void>;
}

export function SignIn({ expired = false, onDone }: SignInProps) {
  const [challenge, setChallenge] = useState<string | null>(null);
  if (challenge !== null) {
    return <SecondStep challenge={challenge} onDone={onDone} onBack={() => setChallenge(null)} />;
  }
  return <FirstStep expired={expired} onDone={onDone} onChallenge={setChallenge} />;
}

interface FirstStepProps extends Required<SignInProps> {
  onChallenge: (challenge: string) => void;
}

function FirstStep({ expired, onDone, onChallenge }: FirstStepProps) {
  const t = useT();
  const methods = useQuery(methodsQuery);
  const refused = refusal();

  async function login(form: FormData): Promise<void> {
    const body = { name: String(form.get('name')), password: String(form.get('password')), cookie: true };
    const answer = await api.POST('/api/v1/auth/login', { body });
    await enter(answer, onDone, onChallenge);
  }

  return (
    <DoorPage title={t('sign.title')} text={t(expired ? 'sign.expired' : 'app.tagline')}>
      {refused !== null && !expired && (
        <Message kind="bad" className="mb-4">
          {t(refused.sentence)}
          <p className="mt-1 text-xs">{t('sign.refused.code', { code: refused.code })}</p>
        </Message>
      )}
      <Form action={login} submit={t('sign.submit')} button="min-h-11 text-base">
        <Field label={t('sign.name')} name="name" autoComplete="username" required autoFocus />
        <Field
          label={t('sign.password')}
          name="password"
          type="password"
          autoComplete="current-password"
          required
        />
      </Form>
      {methods.data?.oidc && <Provider issuer={methods.data.oidc} />}
      {!expired && <p className="mt-6 text-sm text-ink-faint">{t('sign.first')}</p>}
    </DoorPage>
  );
}

function Provider({ issuer }: { issuer: string }) {
  const t = useT();
  const here = window.location.pathname + window.location.search;
  return (
    <>
      <p className="my-4 flex items-center gap-3 text-xs text-ink-faint before:h-px before:grow before:bg-line after:h-px after:grow after:bg-line">
        {t('sign.or')}
      </p>
      <a
        href={`/api/v1/auth/oidc/login?to=${encodeURIComponent(here)}`}
        className="flex min-h-11 items-center justify-center gap-2 rounded-md border border-line-strong bg-surface text-base font-medium shadow-1 hover:bg-raised"
      >
        <KeyRound aria-hidden className="size-4" />
        {t('sign.oidc', { provider: hostOf(issuer) })}
      </a>
    </>
  );
}

function hostOf(issuer: string): string {
  return URL.canParse(issuer) ? new URL(issuer).host : issuer;
}

interface SecondStepProps {
  challenge: string;
  onDone: () => Promise<void>;
  onBack: () => void;
}

function SecondStep({ challenge, onDone, onBack }: SecondStepProps) {
  const t = useT();

  async function confirm(form: FormData): Promise<void> {
    const body = { challenge, code: String(form.get('code')).trim(), cookie: true };
    await told(api.POST('/api/v1/auth/second-factor', { body }));
    await onDone();
  }

  return (
    <DoorPage title={t('sign.code.title')} text={t('sign.code.text')}>
      <Form
        action={confirm}
        submit={t('sign.code.submit')}
        button="min-h-11 text-base"
        after={
          <Button look="plain" onClick={onBack}>
            {t('sign.code.again')}
          </Button>
        }
      >
        <Field
          label={t('sign.code.label')}
          name="code"
          autoComplete="one-time-code"
          spellCheck={false}
          autoCapitalize="off"
          required
          autoFocus
        />
      </Form>
    </DoorPage>
  );
}

/** The page behind a link that sets a password: the server's first one, an invitation, or a reset. */
export function SetPassword({ onDone }: { onDone: () => Promise<void> }) {
  const t = useT();
  const [challenge, setChallenge] = useState<string | null>(null);
  // Kept here and taken out of the address, so that it is in no history.
  const token = useRef(window.location.hash.slice(1));
  useEffect(() => window.history.replaceState(null, '', window.location.pathname), []);

  async function accept(form: FormData): Promise<void> {
    const [password, again] = [String(form.get('password')), String(form.get('again'))];
    if (password !== again) throw new ApiError(422, 'passwords_differ', t('link.differ'));
    const body = { token: token.current, password, cookie: true };
    await enter(await api.POST('/api/v1/auth/link', { body }), onDone, setChallenge);
  }

  if (challenge !== null) {
    return <SecondStep challenge={challenge} onDone={onDone} onBack={() => setChallenge(null)} />;
  }
  return (
    <DoorPage title={t('link.title')} text={t('link.text')}>
      {token.current === '' && <Message kind="bad">{t('link.missing')}</Message>}
      <Form action={accept} submit={t('link.submit')} className="mt-4" button="min-h-11 text-base">
        <Field
          label={t('link.password')}
          name="password"
          type="password"
          autoComplete="new-password"
          minLength={10}
          maxLength={1000}
          required
          autoFocus
        />
        <Field label={t('link.again')} name="again" type="password" autoComplete="new-password" required />
      </Form>
    </DoorPage>
  );
}

type Entering = { data?: unknown; error?: unknown; response: Response };

/** Go in, or to the second step, which the server asks for with 202. */
async function enter(
  answer: Entering,
  onDone: () => Promise<void>,
  onChallenge: (challenge: string) => void,
): Promise<void> {
  const { data, error, response } = answer;
  if (!response.ok) throw problemOf(response.status, JSON.stringify(error ?? null));
  if (response.status === 202) onChallenge((data as { challenge: string }).challenge);
  else await onDone();
}

function DoorPage({ title, text, children }: { title: string; text: string; children: ReactNode }) {
  return (
    <main className="grid min-h-dvh place-items-center px-4 py-10">
      <div className="w-full max-w-104 animate-rise">
        <Mark className="mx-auto mb-5 size-14 rounded-[0.93rem] shadow-2" />
        <div className="glass rounded-2xl p-7 shadow-2 sm:p-8">
          <h1 className="display text-center text-2xl">{title}</h1>
          <p className="mt-1.5 mb-6 text-center text-base text-ink-soft">{text}</p>
          {children}
        </div>
      </div>
    </main>
  );
}
