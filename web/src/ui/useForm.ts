import { type FormEvent, useState } from 'react';
import { sentence } from './sentence';

/** A form that is sent once at a time, and says what was wrong. It is emptied when all went well. */
export function useForm(action: (form: FormData) => Promise<void>) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  async function onSubmit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const form = event.currentTarget;
    setBusy(true);
    setError(null);
    try {
      await action(new FormData(form));
      form.reset();
    } catch (problem) {
      setError(sentence(problem));
    } finally {
      setBusy(false);
    }
  }
  return { busy, error, onSubmit };
}
