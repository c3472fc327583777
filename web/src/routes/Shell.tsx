import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { BookOpenText, LibraryBig, type LucideIcon, Mic, Settings, ShieldUser, WifiOff } from 'lucide-react';
import { lazy, type ReactNode, Suspense, useSyncExternalStore } from 'react';
import { network } from '@/api/network';
import { meQuery } from '@/api/queries';
import { useLeftEdits } from '@/features/editing/left';
import { useLibraryFeed } from '@/features/library/feed';
import { recording } from '@/features/record/now';
import { hasLeftovers } from '@/features/record/store';
import { DropAnywhere } from '@/features/uploads/DropAnywhere';
import { useT } from '@/i18n';
import { cx } from '@/ui/classes';
import { Wordmark } from '@/ui/Logo';
import { Toasts } from '@/ui/Toast';
import { UpdateNotice } from './UpdateNotice';

const LeftoverNotices = lazy(() =>
  import('@/features/record/LeftoverNotices').then(({ LeftoverNotices: each }) => ({ default: each })),
);

/** What surrounds every page: the way between pages, and what is true on all of them. */
export function Shell({ children }: { children: ReactNode }) {
  const t = useT();
  const navigate = useNavigate();
  useLibraryFeed();
  useLeftEdits();
  const isAdmin = useQuery(meQuery).data?.scopes.includes('admin') ?? false;
  return (
    <>
      <a
        href="#content"
        className="fixed start-3 -top-20 z-80 rounded-md bg-accent px-4 py-2 text-on-accent focus:top-3"
      >
        {t('app.skip')}
      </a>
      <div className="mx-auto flex min-h-dvh w-full max-w-352 flex-col md:flex-row">
        <aside className="hidden md:block md:w-60 md:shrink-0">
          <div className="sticky top-0 flex h-dvh flex-col gap-8 px-4 py-6">
            <Link to="/" className="rounded-md px-2">
              <Wordmark />
            </Link>
            <nav aria-label={t('nav.main')} className="grid gap-1">
              <NavLink to="/" icon={LibraryBig} label={t('nav.library')} />
              <NavLink to="/record" icon={Mic} label={t('record.nav')} />
              <NavLink to="/settings" icon={Settings} label={t('nav.settings')} />
              {isAdmin && <NavLink to="/admin" icon={ShieldUser} label={t('nav.admin')} />}
            </nav>
            <a
              href="/docs"
              className="mt-auto flex items-center gap-2.5 rounded-md px-3 py-2 text-sm text-ink-faint hover:text-ink"
            >
              <BookOpenText aria-hidden className="size-4" />
              {t('nav.api')}
            </a>
          </div>
        </aside>
        <div className="flex min-w-0 grow flex-col pb-[calc(5rem+env(safe-area-inset-bottom))] md:pb-0">
          <UpdateNotice />
          <NetworkDown />
          {hasLeftovers() && (
            <Suspense>
              <LeftoverNotices />
            </Suspense>
          )}
          <main id="content" tabIndex={-1} className="flex grow flex-col outline-none">
            {children}
          </main>
        </div>
        <nav
          aria-label={t('nav.main')}
          className="glass fixed inset-x-0 bottom-0 z-30 grid auto-cols-fr grid-flow-col px-[env(safe-area-inset-left)] pb-[env(safe-area-inset-bottom)] md:hidden"
        >
          <TabLink to="/" icon={LibraryBig} label={t('nav.library')} />
          <TabLink to="/record" icon={Mic} label={t('record.nav')} />
          <TabLink to="/settings" icon={Settings} label={t('nav.settings')} />
          {isAdmin && <TabLink to="/admin" icon={ShieldUser} label={t('nav.admin')} />}
        </nav>
      </div>
      <DropAnywhere onDropped={() => void navigate({ to: '/' })} />
      <Toasts />
    </>
  );
}

interface LinkProps {
  to: '/' | '/record' | '/settings' | '/admin';
  icon: LucideIcon;
  label: string;
}

function NavLink({ to, icon: Icon, label }: LinkProps) {
  return (
    <Link
      to={to}
      activeOptions={{ exact: to === '/', includeSearch: false }}
      className="flex min-h-10 items-center gap-3 rounded-md px-3 text-base font-medium text-ink-soft transition-colors hover:bg-raised hover:text-ink aria-[current=page]:bg-accent-soft aria-[current=page]:text-accent-strong"
    >
      <Icon aria-hidden className="size-5" />
      {label}
      {to === '/record' && <Running className="ms-auto" />}
    </Link>
  );
}

/** That this tab records, on whatever page. */
function Running({ className }: { className: string }) {
  const t = useT();
  const state = useSyncExternalStore(recording.subscribe, recording.get);
  if (state === 'off') return null;
  return (
    <span
      role="img"
      aria-label={t('record.running')}
      className={cx(
        'size-2.5 rounded-full',
        state === 'on' ? 'animate-breathe bg-danger' : 'bg-control',
        className,
      )}
    />
  );
}

function TabLink({ to, icon: Icon, label }: LinkProps) {
  return (
    <Link
      to={to}
      activeOptions={{ exact: to === '/', includeSearch: false }}
      className="relative flex min-h-14 flex-col items-center justify-center gap-0.5 text-xs font-medium text-ink-soft aria-[current=page]:text-accent-strong"
    >
      <Icon aria-hidden className="size-5" />
      {label}
      {to === '/record' && <Running className="absolute end-[calc(50%-1.25rem)] top-2" />}
    </Link>
  );
}

function NetworkDown() {
  const t = useT();
  const state = useSyncExternalStore(network.subscribe, network.get);
  return (
    <div role="status" className="sticky top-0 z-40">
      {state === 'down' && (
        <p className="flex items-center justify-center gap-2 bg-amber-soft px-4 py-2 text-sm text-amber-ink">
          <WifiOff aria-hidden className="size-4 shrink-0" />
          {t('network.down')}
        </p>
      )}
    </div>
  );
}
