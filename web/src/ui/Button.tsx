import { LoaderCircle, type LucideIcon } from 'lucide-react';
import type { ComponentProps } from 'react';
import { cx } from './classes';

export type Look = 'solid' | 'soft' | 'plain' | 'danger';

const LOOKS: Record<Look, string> = {
  solid: 'bg-accent text-on-accent hover:bg-accent-strong shadow-1',
  soft: 'bg-surface text-ink border border-line-strong hover:bg-raised shadow-1',
  plain: 'text-ink-soft hover:bg-raised hover:text-ink',
  danger: 'bg-danger text-paper hover:opacity-90 shadow-1',
};

interface ButtonProps extends ComponentProps<'button'> {
  look?: Look;
  icon?: LucideIcon;
  busy?: boolean;
}

export function Button({
  look = 'soft',
  icon: Icon,
  busy = false,
  className,
  children,
  ...rest
}: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      disabled={rest.disabled || busy}
      className={cx(
        'inline-flex min-h-9 pointer-coarse:min-h-11 items-center justify-center gap-2 rounded-md px-3.5 text-sm font-medium',
        'transition-[background-color,opacity,transform] duration-150 active:scale-[0.98] disabled:opacity-55',
        LOOKS[look],
        className,
      )}
    >
      {busy ? (
        <LoaderCircle aria-hidden className="size-4 animate-spin" />
      ) : (
        Icon && <Icon aria-hidden className="size-4 shrink-0" />
      )}
      {children}
    </button>
  );
}

interface IconButtonProps extends ComponentProps<'button'> {
  icon: LucideIcon;
  /** What it does: read aloud, and shown where the pointer rests. */
  label: string;
  size?: 'md' | 'lg';
}

export function IconButton({ icon: Icon, label, size = 'md', className, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      {...rest}
      className={cx(
        'inline-grid shrink-0 place-items-center rounded-md text-ink-soft transition-colors duration-150',
        'hover:bg-raised hover:text-ink disabled:opacity-50 aria-pressed:bg-accent-soft aria-pressed:text-accent-strong',
        size === 'lg' ? 'size-11' : 'size-9 pointer-coarse:size-11',
        className,
      )}
    >
      <Icon aria-hidden className={size === 'lg' ? 'size-5.5' : 'size-4.5'} />
    </button>
  );
}
