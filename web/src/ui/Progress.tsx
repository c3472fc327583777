import { cx } from './classes';

interface ProgressProps {
  /** Between 0 and 1; null while nobody can know. */
  share: number | null;
  label: string;
  className?: string;
}

export function Progress({ share, label, className }: ProgressProps) {
  const bounded = share === null ? null : Math.min(1, Math.max(0, share));
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(bounded === null ? {} : { 'aria-valuenow': Math.floor(bounded * 100) })}
      className={cx('h-1.5 overflow-hidden rounded-full bg-sunken', className)}
    >
      <div
        className={cx(
          'h-full rounded-full bg-accent transition-[width] duration-500 ease-settle',
          bounded === null && 'animate-breathe',
        )}
        style={{ width: bounded === null ? '100%' : `${bounded * 100}%` }}
      />
    </div>
  );
}
