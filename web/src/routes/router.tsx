import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from '@tanstack/react-router';
import type { Order } from '@/api/queries';
import type { Status } from '@/api/types';
import { AuthGate } from '@/features/account/AuthGate';
import { LibraryPage } from '@/features/library/LibraryPage';
import { Broken, Missing } from './Fallbacks';
import { PasswordPage } from './PasswordPage';
import { Shell } from './Shell';

const root = createRootRoute({ component: Outlet, notFoundComponent: Missing, errorComponent: Broken });

const password = createRoute({ getParentRoute: () => root, path: '/password', component: PasswordPage });

const inside = createRoute({
  getParentRoute: () => root,
  id: 'inside',
  component: () => (
    <AuthGate>
      <Shell>
        <Outlet />
      </Shell>
    </AuthGate>
  ),
});

const STATUSES: readonly string[] = ['queued', 'running', 'completed', 'failed', 'cancelled'];

export interface LibrarySearch {
  status?: Status;
  order?: Order;
  title?: string;
}

const library = createRoute({
  getParentRoute: () => inside,
  path: '/',
  validateSearch: (search: Record<string, unknown>): LibrarySearch => ({
    ...(STATUSES.includes(String(search.status)) ? { status: search.status as Status } : {}),
    ...(search.order === 'oldest' || search.order === 'title' ? { order: search.order } : {}),
    ...(search.title ? { title: String(search.title).slice(0, 200) } : {}),
  }),
  component: LibraryPage,
});

const recording = createRoute({
  getParentRoute: () => inside,
  path: '/recordings/$id',
  validateSearch: (search: Record<string, unknown>): { t?: number } => {
    const at = Number(search.t);
    return search.t !== undefined && Number.isFinite(at) && at >= 0 ? { t: at } : {};
  },
  component: lazyRouteComponent(() => import('@/features/recording/RecordingPage'), 'RecordingPage'),
});

const record = createRoute({
  getParentRoute: () => inside,
  path: '/record',
  component: lazyRouteComponent(() => import('@/features/record/RecordPage'), 'RecordPage'),
});

const settings = createRoute({
  getParentRoute: () => inside,
  path: '/settings',
  component: lazyRouteComponent(() => import('@/features/account/SettingsPage'), 'SettingsPage'),
});

function section<const P extends string>(path: P, name: 'Profile' | 'Security' | 'ApiKeys' | 'Appearance') {
  return createRoute({
    getParentRoute: () => settings,
    path,
    component: lazyRouteComponent(() => import('@/features/account/sections'), name),
  });
}

const settingsIndex = createRoute({
  getParentRoute: () => settings,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/settings/profile' });
  },
});

export const router = createRouter({
  routeTree: root.addChildren([
    password,
    inside.addChildren([
      library,
      recording,
      record,
      settings.addChildren([
        settingsIndex,
        section('profile', 'Profile'),
        section('security', 'Security'),
        section('keys', 'ApiKeys'),
        section('appearance', 'Appearance'),
      ]),
    ]),
  ]),
  defaultPreload: 'intent',
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
