import { Eye, EyeOff } from 'lucide-react';
import { type ComponentProps, useId, useState } from 'react';
import { t } from '@/i18n';
import { IconButton } from './Button';
import { cx } from './classes';

interface FieldProps extends Omit<ComponentProps<'input'>, 'id'> {
  label: string;
  hint?: string;
}

const INPUT =
  'min-h-10.5 pointer-coarse:min-h-11 w-full rounded-md border border-control bg-surface px-3 text-base text-ink shadow-1 ' +
  'placeholder:text-ink-faint';

export function Field({ label, hint, type, className, ...rest }: FieldProps) {
  const id = useId();
  const [shown, setShown] = useState(false);
  const secret = type === 'password';
  return (
    <div className={cx('grid gap-1.5', className)}>
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      <div className="relative">
        <input
          {...rest}
          id={id}
          type={secret && shown ? 'text' : type}
          aria-describedby={hint ? `${id}-hint` : undefined}
          className={cx(INPUT, secret && 'pe-11')}
        />
        {secret && (
          <IconButton
            icon={shown ? EyeOff : Eye}
            label={t(shown ? 'sign.hide' : 'sign.show')}
            onClick={() => setShown(!shown)}
            className="absolute inset-y-0 end-0.5 my-auto"
          />
        )}
      </div>
      {hint && (
        <p id={`${id}-hint`} className="text-xs text-ink-faint">
          {hint}
        </p>
      )}
    </div>
  );
}

interface SelectProps extends ComponentProps<'select'> {
  label: string;
}

export function Select({ label, className, children, ...rest }: SelectProps) {
  return (
    <select
      aria-label={label}
      {...rest}
      className={cx(
        'min-h-9 pointer-coarse:min-h-11 rounded-md border border-line-strong bg-surface ps-3 pe-8 text-sm text-ink shadow-1 hover:bg-raised',
        className,
      )}
    >
      {children}
    </select>
  );
}

interface ChoiceProps extends Omit<ComponentProps<'select'>, 'id'> {
  label: string;
}

/** One of several, under its label, as a field of a form. */
export function Choice({ label, className, children, ...rest }: ChoiceProps) {
  const id = useId();
  return (
    <div className={cx('grid gap-1.5', className)}>
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      <select {...rest} id={id} className={cx(INPUT, 'truncate pe-8')}>
        {children}
      </select>
    </div>
  );
}

interface LongFieldProps extends Omit<ComponentProps<'textarea'>, 'id'> {
  label: string;
  hint?: string;
}

export function LongField({ label, hint, className, ...rest }: LongFieldProps) {
  const id = useId();
  return (
    <div className={cx('grid gap-1.5', className)}>
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      <textarea
        rows={3}
        {...rest}
        id={id}
        aria-describedby={hint ? `${id}-hint` : undefined}
        className={cx(INPUT, 'py-2')}
      />
      {hint && (
        <p id={`${id}-hint`} className="text-xs text-ink-faint">
          {hint}
        </p>
      )}
    </div>
  );
}
