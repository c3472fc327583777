import { Link, type LinkProps, Outlet, useLocation } from '@tanstack/react-router';
import type { LucideIcon } from 'lucide-react';
import { useLayoutEffect, useRef } from 'react';
import { type MessageKey, useT } from '@/i18n';
import { cx } from './classes';

export interface SubPage {
  to: NonNullable<LinkProps['to']>;
  label: MessageKey;
  icon: LucideIcon;
}

interface SubPagesProps {
  title: string;
  pages: readonly SubPage[];
  /** For tables, which need the room that prose does not. */
  wide?: boolean;
}

/** Several pages under one title, and the way between them. */
export function SubPages({ title, pages, wide = false }: SubPagesProps) {
  const t = useT();
  const nav = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  // On a phone they are more than fit beside each other.
  useLayoutEffect(() => {
    const current = nav.current?.querySelector<HTMLElement>(`a[href="${pathname}"]`);
    if (nav.current && current) {
      nav.current.scrollLeft = current.offsetLeft - (nav.current.clientWidth - current.offsetWidth) / 2;
    }
  }, [pathname]);
  return (
    <div className="px-4 py-6 sm:px-6 md:py-8 lg:pe-10">
      <h1 className="display text-3xl">{title}</h1>
      <div className="mt-6 grid grid-cols-[minmax(0,1fr)] gap-6 lg:grid-cols-[13rem_minmax(0,1fr)] lg:gap-10">
        <nav
          ref={nav}
          aria-label={title}
          className="relative -mx-1 flex gap-1 overflow-x-auto p-1 lg:grid lg:content-start"
        >
          {pages.map(({ to, label, icon: Icon }) => (
            <Link
              key={label}
              to={to}
              activeOptions={{ includeSearch: false }}
              className="flex min-h-9 pointer-coarse:min-h-11 shrink-0 items-center gap-2.5 rounded-md px-3 text-sm font-medium whitespace-nowrap text-ink-soft transition-colors hover:bg-raised hover:text-ink aria-[current=page]:bg-raised aria-[current=page]:text-ink"
            >
              <Icon aria-hidden className="size-4.5" />
              {t(label)}
            </Link>
          ))}
        </nav>
        <div className={cx('min-w-0', !wide && 'max-w-2xl')}>
          <Outlet />
        </div>
      </div>
    </div>
  );
}
