import type { ReactNode } from 'react';
import { cx } from './classes';

interface TableProps {
  /** What it is of, for who cannot see it. */
  label: string;
  heads: { text: string; end?: boolean; hidden?: boolean }[];
  children: ReactNode;
}

/** Rows that are compared with each other. Where there is no room for all columns, it scrolls by itself. */
export function Table({ label, heads, children }: TableProps) {
  return (
    // Relative, so that what only screen readers see scrolls with the rest and does not widen the page.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
    <section aria-label={label} tabIndex={0} className="relative -mx-1 overflow-x-auto px-1">
      <table className="w-full border-collapse text-sm">
        <thead>
          <tr className="border-b border-line text-xs text-ink-faint">
            {heads.map(({ text, end, hidden }) => (
              <th
                key={text}
                scope="col"
                className={cx('py-2 pe-4 font-medium last:pe-0', end ? 'text-end' : 'text-start')}
              >
                <span className={hidden ? 'sr-only' : undefined}>{text}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="[&>tr]:border-b [&>tr]:border-line [&>tr:last-child]:border-0">{children}</tbody>
      </table>
    </section>
  );
}

export function Cell({
  end,
  className,
  children,
}: {
  end?: boolean;
  className?: string;
  children?: ReactNode;
}) {
  return (
    <td className={cx('py-2.5 pe-4 align-middle last:pe-0', end && 'tabular text-end', className)}>
      {children}
    </td>
  );
}
