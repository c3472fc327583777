import { useQuery } from '@tanstack/react-query';
import {
  Boxes,
  Cpu,
  HardDrive,
  HeartPulse,
  ListTodo,
  ScrollText,
  SlidersHorizontal,
  Users,
} from 'lucide-react';
import { meQuery } from '@/api/queries';
import { useT } from '@/i18n';
import { Missing } from '@/routes/Fallbacks';
import { type SubPage, SubPages } from '@/ui/SubPages';

const PAGES: readonly SubPage[] = [
  { to: '/admin/people', label: 'admin.people', icon: Users },
  { to: '/admin/groups', label: 'admin.groups', icon: Boxes },
  { to: '/admin/jobs', label: 'admin.jobs', icon: ListTodo },
  { to: '/admin/models', label: 'admin.models', icon: Cpu },
  { to: '/admin/storage', label: 'admin.storage', icon: HardDrive },
  { to: '/admin/health', label: 'admin.health', icon: HeartPulse },
  { to: '/admin/audit', label: 'admin.audit', icon: ScrollText },
  { to: '/admin/settings', label: 'admin.settings', icon: SlidersHorizontal },
];

/** For admins. To everybody else there is nothing here, and the server tells them nothing either. */
export function AdminPage() {
  const t = useT();
  const me = useQuery(meQuery).data;
  if (!me) return null;
  if (!me.scopes.includes('admin')) return <Missing />;
  return <SubPages title={t('admin.title')} pages={PAGES} wide />;
}
