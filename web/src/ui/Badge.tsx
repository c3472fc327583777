import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { cx } from './classes';

export type Tone = 'plain' | 'accent' | 'good' | 'bad' | 'warn';
const TONES: Record<Tone, string> = {
  plain: 'bg-raised text-ink-soft',
  accent: 'bg-accent-soft text-accent-strong',
  good: 'bg-good-soft text-good',
  bad: 'bg-danger-soft text-danger',
  warn: 'bg-amber-soft text-amber-ink',
};

interface BadgeProps {
  tone?: Tone;
  icon?: LucideIcon;
  children: ReactNode;
}

/** A state in a word, with a sign where it has one: never told by colour alone. */
export function Badge({ tone = 'plain', icon: Icon, children }: BadgeProps) {
  return (
    <span
      className={cx(
        'inline-flex items-center gap-1.5 rounded-full px-2.5 py-0.5 text-xs font-medium whitespace-nowrap',
        TONES[tone],
      )}
    >
      {Icon && <Icon aria-hidden className="size-3.5 shrink-0" />}
      {children}
    </span>
  );
}
