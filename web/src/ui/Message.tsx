import { CircleAlert, Info, type LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { cx } from './classes';

type Kind = 'bad' | 'note';
const ICONS: Record<Kind, LucideIcon> = { bad: CircleAlert, note: Info };

interface MessageProps {
  kind: Kind;
  className?: string;
  children: ReactNode;
}

/** Something that should not be missed. What is bad is said by screen readers at once. */
export function Message({ kind, className, children }: MessageProps) {
  const Icon = ICONS[kind];
  return (
    <div
      role={kind === 'bad' ? 'alert' : 'note'}
      className={cx(
        'flex items-start gap-2.5 rounded-md px-3 py-2.5 text-sm',
        kind === 'bad' ? 'bg-danger-soft text-danger' : 'bg-amber-soft text-amber-ink',
        className,
      )}
    >
      <Icon aria-hidden className="mt-0.5 size-4 shrink-0" />
      {/* The server's own words may be of another language than the app's. */}
      <div dir="auto" className="min-w-0 grow">
        {children}
      </div>
    </div>
  );
}
