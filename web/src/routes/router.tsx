import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from '@tanstack/react-router';
import { client } from '@/api/answers';
import { recordingQuery } from '@/api/queries';
import { csrfToken } from '@/api/session';
import { AuthGate } from '@/features/account/AuthGate';
import { type AuditSearch, knownSearch } from '@/features/admin/audit';
import { LibraryPage } from '@/features/library/LibraryPage';
import { librarySearch } from '@/features/library/search';
import { Broken, Missing } from './Fallbacks';
import { PasswordPage } from './PasswordPage';
import { Shell } from './Shell';

const root = createRootRoute({ component: Outlet, notFoundComponent: Missing, errorComponent: Broken });

const password = createRoute({ getParentRoute: () => root, path: '/password', component: PasswordPage });

const shared = createRoute({
  getParentRoute: () => root,
  path: '/shared',
  component: lazyRouteComponent(() => import('@/features/sharing/SharedPage'), 'SharedPage'),
});

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

const library = createRoute({
  getParentRoute: () => inside,
  path: '/',
  validateSearch: librarySearch,
  component: LibraryPage,
});

const recording = createRoute({
  getParentRoute: () => inside,
  path: '/recordings/$id',
  validateSearch: (search: Record<string, unknown>): { t?: number } => {
    const at = Number(search.t);
    return search.t !== undefined && Number.isFinite(at) && at >= 0 ? { t: at } : {};
  },
  // A long one takes its time: it is under way before the page's own code is there, and whoever it is for. That a
  // pointer rests on a link is no reason to ask for it.
  loader: ({ params, preload }) => {
    if (!preload && csrfToken() !== null) void client.prefetchQuery(recordingQuery(params.id));
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

type SettingsSection =
  | 'Profile'
  | 'Security'
  | 'Transcription'
  | 'Retention'
  | 'ApiKeys'
  | 'Webhooks'
  | 'Usage'
  | 'Activity'
  | 'Appearance';

function section<const P extends string>(path: P, name: SettingsSection) {
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

const admin = createRoute({
  getParentRoute: () => inside,
  path: '/admin',
  component: lazyRouteComponent(() => import('@/features/admin/sections'), 'AdminPage'),
});

type AdminSection = 'People' | 'Groups' | 'Jobs' | 'Models' | 'Storage' | 'Health' | 'ServerSettings';

function adminSection<const P extends string>(path: P, name: AdminSection) {
  return createRoute({
    getParentRoute: () => admin,
    path,
    component: lazyRouteComponent(() => import('@/features/admin/sections'), name),
  });
}

const adminIndex = createRoute({
  getParentRoute: () => admin,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/admin/people' });
  },
});

const audit = createRoute({
  getParentRoute: () => admin,
  path: 'audit',
  validateSearch: (search: Record<string, unknown>): AuditSearch => knownSearch(search),
  component: lazyRouteComponent(() => import('@/features/admin/sections'), 'Audit'),
});

export const router = createRouter({
  routeTree: root.addChildren([
    password,
    shared,
    inside.addChildren([
      library,
      recording,
      record,
      settings.addChildren([
        settingsIndex,
        section('profile', 'Profile'),
        section('security', 'Security'),
        section('transcription', 'Transcription'),
        section('retention', 'Retention'),
        section('keys', 'ApiKeys'),
        section('webhooks', 'Webhooks'),
        section('usage', 'Usage'),
        section('activity', 'Activity'),
        section('appearance', 'Appearance'),
      ]),
      admin.addChildren([
        adminIndex,
        audit,
        adminSection('people', 'People'),
        adminSection('groups', 'Groups'),
        adminSection('jobs', 'Jobs'),
        adminSection('models', 'Models'),
        adminSection('storage', 'Storage'),
        adminSection('health', 'Health'),
        adminSection('settings', 'ServerSettings'),
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
