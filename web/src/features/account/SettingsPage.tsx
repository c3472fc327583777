import { Link, Outlet } from '@tanstack/react-router';
import { KeyRound, type LucideIcon, Palette, ShieldCheck, UserRound } from 'lucide-react';
import { type MessageKey, useT } from '@/i18n';

const SECTIONS = [
  { to: '/settings/profile', label: 'settings.profile', icon: UserRound },
  { to: '/settings/security', label: 'settings.security', icon: ShieldCheck },
  { to: '/settings/keys', label: 'settings.keys', icon: KeyRound },
  { to: '/settings/appearance', label: 'settings.appearance', icon: Palette },
] as const satisfies { to: string; label: MessageKey; icon: LucideIcon }[];

export function SettingsPage() {
  const t = useT();
  return (
    <div className="px-4 py-6 sm:px-6 md:py-8 lg:pe-10">
      <h1 className="display text-3xl">{t('settings.title')}</h1>
      <div className="mt-6 grid gap-6 lg:grid-cols-[13rem_minmax(0,1fr)] lg:gap-10">
        <nav
          aria-label={t('settings.title')}
          className="-mx-1 flex gap-1 overflow-x-auto p-1 lg:grid lg:content-start"
        >
          {SECTIONS.map(({ to, label, icon: Icon }) => (
            <Link
              key={to}
              to={to}
              className="flex min-h-9 shrink-0 items-center gap-2.5 rounded-md px-3 text-sm font-medium whitespace-nowrap text-ink-soft transition-colors hover:bg-raised hover:text-ink aria-[current=page]:bg-raised aria-[current=page]:text-ink"
            >
              <Icon aria-hidden className="size-4.5" />
              {t(label)}
            </Link>
          ))}
        </nav>
        <div className="max-w-2xl">
          <Outlet />
        </div>
      </div>
    </div>
  );
}
