import { Link } from '@tanstack/react-router';
import { Mic } from 'lucide-react';
import { useT } from '@/i18n';

/** The way to the recorder, from the library. */
export function RecordLink() {
  const t = useT();
  return (
    <Link
      to="/record"
      className="inline-flex min-h-10.5 items-center gap-2.5 rounded-full border border-line-strong bg-surface ps-1.5 pe-4.5 text-base font-medium shadow-1 transition-colors hover:bg-raised"
    >
      <span className="grid size-7.5 place-items-center rounded-full bg-danger text-paper">
        <Mic aria-hidden className="size-4" />
      </span>
      {t('record.nav')}
    </Link>
  );
}
