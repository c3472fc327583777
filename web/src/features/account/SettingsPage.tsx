import {
  Activity,
  AudioLines,
  CalendarClock,
  Gauge,
  KeyRound,
  Palette,
  ShieldCheck,
  UserRound,
  Webhook,
} from 'lucide-react';
import { useT } from '@/i18n';
import { type SubPage, SubPages } from '@/ui/SubPages';

const PAGES: readonly SubPage[] = [
  { to: '/settings/profile', label: 'settings.profile', icon: UserRound },
  { to: '/settings/security', label: 'settings.security', icon: ShieldCheck },
  { to: '/settings/transcription', label: 'settings.transcription', icon: AudioLines },
  { to: '/settings/retention', label: 'settings.retention', icon: CalendarClock },
  { to: '/settings/keys', label: 'settings.keys', icon: KeyRound },
  { to: '/settings/webhooks', label: 'settings.webhooks', icon: Webhook },
  { to: '/settings/usage', label: 'settings.usage', icon: Gauge },
  { to: '/settings/activity', label: 'settings.activity', icon: Activity },
  { to: '/settings/appearance', label: 'settings.appearance', icon: Palette },
];

export function SettingsPage() {
  const t = useT();
  return <SubPages title={t('settings.title')} pages={PAGES} />;
}
