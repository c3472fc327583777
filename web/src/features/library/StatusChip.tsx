import { Check, CircleSlash, Clock3, LoaderCircle, type LucideIcon, TriangleAlert } from 'lucide-react';
import type { Status } from '@/api/types';
import { t } from '@/i18n';
import { cx } from '@/ui/classes';

const LOOKS: Record<Status, { icon: LucideIcon; look: string }> = {
  queued: { icon: Clock3, look: 'bg-raised text-ink-soft' },
  running: { icon: LoaderCircle, look: 'bg-accent-soft text-accent-strong' },
  completed: { icon: Check, look: 'bg-good-soft text-good' },
  failed: { icon: TriangleAlert, look: 'bg-danger-soft text-danger' },
  cancelled: { icon: CircleSlash, look: 'bg-raised text-ink-soft' },
};

/** The state of a recording: its sign and its name, never a colour alone. */
export function StatusChip({ status, small = false }: { status: Status; small?: boolean }) {
  const { icon: Icon, look } = LOOKS[status];
  return (
    <span
      className={cx(
        'inline-flex items-center gap-1.5 rounded-full font-medium whitespace-nowrap',
        small ? 'px-2 py-0.5 text-2xs' : 'px-2.5 py-1 text-xs',
        look,
      )}
    >
      <Icon aria-hidden className={cx('size-3.5', status === 'running' && 'animate-spin')} />
      {t(`status.${status}`)}
    </span>
  );
}
