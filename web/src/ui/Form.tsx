import type { ReactNode } from 'react';
import { Button, type Look } from './Button';
import { cx } from './classes';
import { Message } from './Message';
import { useForm } from './useForm';

interface FormProps {
  /** What it throws is said above the button. */
  action: (form: FormData) => Promise<void>;
  submit: string;
  look?: Look;
  className?: string;
  /** Classes of the button. */
  button?: string;
  children: ReactNode;
  /** What stands below the button. */
  after?: ReactNode;
}

/** Fields one below the other, what was wrong with them, and the button that sends them. */
export function Form({ action, submit, look = 'solid', className, button, children, after }: FormProps) {
  const { busy, error, onSubmit } = useForm(action);
  return (
    <form onSubmit={onSubmit} className={cx('grid gap-4', className)}>
      {children}
      {error && <Message kind="bad">{error}</Message>}
      <Button type="submit" look={look} busy={busy} className={button}>
        {submit}
      </Button>
      {after}
    </form>
  );
}
