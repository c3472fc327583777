import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, told } from '@/api/client';
import { factorQuery } from '@/api/queries';
import { useT } from '@/i18n';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Field } from '@/ui/Field';
import { Form } from '@/ui/Form';
import { Section } from '@/ui/Section';
import { say } from '@/ui/Toast';

export function Security() {
  return (
    <>
      <ChangePassword />
      <SecondFactor />
    </>
  );
}

function ChangePassword() {
  const t = useT();
  const [challenge, setChallenge] = useState<string | null>(null);
  async function change(form: FormData): Promise<void> {
    const body = { current: String(form.get('current')), new: String(form.get('new')) };
    const done = await told(api.POST('/api/v1/me/password', { body }));
    if (done && 'challenge' in done) setChallenge(String(done.challenge));
    else say(t('password.done'));
  }
  async function confirm(form: FormData): Promise<void> {
    const body = { challenge: challenge ?? '', code: String(form.get('code')).trim(), cookie: true };
    await told(api.POST('/api/v1/auth/second-factor', { body }));
    setChallenge(null);
    say(t('password.done'));
  }
  return (
    <Section title={t('password.title')} text={t('password.text')}>
      {challenge === null ? (
        <Form
          key="password"
          action={change}
          submit={t('password.submit')}
          look="soft"
          className="max-w-sm"
          button="justify-self-start"
        >
          <Field
            label={t('password.current')}
            name="current"
            type="password"
            autoComplete="current-password"
          />
          <Field
            label={t('password.new')}
            name="new"
            type="password"
            autoComplete="new-password"
            minLength={10}
            maxLength={1000}
            required
          />
        </Form>
      ) : (
        <Form
          key="code"
          action={confirm}
          submit={t('sign.code.submit')}
          className="max-w-sm"
          button="justify-self-start"
        >
          <Field label={t('sign.code.label')} name="code" autoComplete="one-time-code" required autoFocus />
        </Form>
      )}
    </Section>
  );
}

type Step =
  | { at: 'closed' }
  | { at: 'password' }
  | { at: 'scan'; secret: string; qr: string }
  | { at: 'codes'; codes: string[] }
  | { at: 'disable' };

function SecondFactor() {
  const t = useT();
  const client = useQueryClient();
  const state = useQuery(factorQuery).data;
  const [step, setStep] = useState<Step>({ at: 'closed' });

  async function close(): Promise<void> {
    setStep({ at: 'closed' });
    await client.invalidateQueries({ queryKey: factorQuery.queryKey });
  }

  return (
    <Section
      title={t('factor.title')}
      text={state ? (state.enabled ? t('factor.on', { n: state.recovery_codes }) : t('factor.off')) : ''}
    >
      {state && (
        <Button onClick={() => setStep({ at: state.enabled ? 'disable' : 'password' })}>
          {t(state.enabled ? 'factor.disable' : 'factor.begin')}
        </Button>
      )}
      <Dialog title={t('factor.title')} open={step.at !== 'closed'} onClose={() => void close()}>
        {step.at === 'password' && <Prove onNext={setStep} />}
        {step.at === 'scan' && <Scan step={step} onNext={setStep} />}
        {step.at === 'codes' && <Codes codes={step.codes} onDone={() => void close()} />}
        {step.at === 'disable' && <Disable onDone={() => void close()} />}
      </Dialog>
    </Section>
  );
}

function Prove({ onNext }: { onNext: (step: Step) => void }) {
  const t = useT();
  async function prove(form: FormData): Promise<void> {
    const body = { password: String(form.get('password')) };
    const { secret, qr } = await told(api.POST('/api/v1/me/second-factor', { body }));
    onNext({ at: 'scan', secret, qr });
  }
  return (
    <Form action={prove} submit={t('factor.continue')}>
      <Field
        label={t('factor.password')}
        name="password"
        type="password"
        autoComplete="current-password"
        required
        autoFocus
      />
    </Form>
  );
}

function Scan({ step, onNext }: { step: Extract<Step, { at: 'scan' }>; onNext: (step: Step) => void }) {
  const t = useT();
  async function confirm(form: FormData): Promise<void> {
    const body = { code: String(form.get('code')).trim() };
    const { codes } = await told(api.POST('/api/v1/me/second-factor/confirm', { body }));
    onNext({ at: 'codes', codes });
  }
  return (
    <Form action={confirm} submit={t('factor.confirm')}>
      <p className="text-sm text-ink-soft">{t('factor.scan')}</p>
      {/* An image, so that nothing in it can be a script. */}
      <img
        src={`data:image/svg+xml;charset=utf-8,${encodeURIComponent(step.qr)}`}
        alt=""
        className="mx-auto size-48 rounded-md bg-[#fff] p-2"
      />
      <p className="text-center text-sm">
        <span className="block text-ink-faint">{t('factor.secret')}</span>
        <code dir="ltr" className="break-all select-all">
          {step.secret}
        </code>
      </p>
      <Field
        label={t('factor.code')}
        name="code"
        inputMode="numeric"
        autoComplete="one-time-code"
        required
        autoFocus
      />
    </Form>
  );
}

function Codes({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  const t = useT();
  return (
    <div className="grid gap-4">
      <p className="text-sm text-ink-soft">{t('factor.codes')}</p>
      <ul
        dir="ltr"
        className="tabular grid grid-cols-2 gap-x-6 gap-y-1 rounded-md bg-raised p-4 font-mono text-sm select-all"
      >
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
      <Button look="solid" onClick={onDone}>
        {t('factor.codes.done')}
      </Button>
    </div>
  );
}

function Disable({ onDone }: { onDone: () => void }) {
  const t = useT();
  async function disable(form: FormData): Promise<void> {
    const body = { password: String(form.get('password')), code: String(form.get('code')).trim() };
    await told(api.POST('/api/v1/me/second-factor/disable', { body }));
    onDone();
  }
  return (
    <Form action={disable} submit={t('factor.disable.submit')} look="danger">
      <Field
        label={t('factor.password')}
        name="password"
        type="password"
        autoComplete="current-password"
        required
        autoFocus
      />
      <Field label={t('factor.code.any')} name="code" autoComplete="one-time-code" required />
    </Form>
  );
}
