import {
  Ban,
  CircleCheck,
  Ellipsis,
  Gauge,
  KeyRound,
  ShieldCheck,
  ShieldOff,
  UserCheck,
  UserCog,
} from 'lucide-react';
import { language, t } from '@/i18n';
import { Badge } from '@/ui/Badge';
import { IconButton } from '@/ui/Button';
import { cx } from '@/ui/classes';
import { moment } from '@/ui/format';
import { Menu, MenuItem, MenuLine } from '@/ui/Menu';
import { Cell } from '@/ui/Table';
import type { User } from './queries';

export type PersonDeed = 'role' | 'reset' | 'factor' | 'disable' | 'enable' | 'quota';

interface PersonProps {
  user: User;
  onDeed: (deed: PersonDeed) => void;
}

/** One user: who they are, how they stand, and what can be done for them. */
export function Person({ user, onDeed }: PersonProps) {
  const disabled = user.disabled_at !== null;
  const limits = Object.values(user.quota).filter((limit) => limit !== null && limit !== undefined).length;
  return (
    <tr className={cx(disabled && 'text-ink-faint')}>
      <Cell className="max-w-56">
        <bdi className="block truncate font-medium">{user.name}</bdi>
      </Cell>
      <Cell>{t(user.role === 'admin' ? 'profile.role.admin' : 'profile.role.user')}</Cell>
      <Cell>
        <span className="flex flex-wrap gap-1.5">
          {disabled ? (
            <Badge tone="bad" icon={Ban}>
              {t('people.disabled')}
            </Badge>
          ) : user.has_password ? (
            <Badge tone="good" icon={CircleCheck}>
              {t('people.active')}
            </Badge>
          ) : (
            <Badge tone="warn" icon={KeyRound}>
              {t('people.waiting')}
            </Badge>
          )}
          {user.second_factor && (
            <Badge tone="accent" icon={ShieldCheck}>
              {t('people.guarded')}
            </Badge>
          )}
          {limits > 0 && <Badge icon={Gauge}>{t('people.limited')}</Badge>}
        </span>
      </Cell>
      <Cell className="whitespace-nowrap text-ink-faint">{moment(user.created_at, language())}</Cell>
      <Cell end>
        <Menu
          items={
            <>
              <MenuItem icon={KeyRound} onSelect={() => onDeed('reset')}>
                {t('people.reset')}
              </MenuItem>
              <MenuItem icon={Gauge} onSelect={() => onDeed('quota')}>
                {t('people.quota')}
              </MenuItem>
              <MenuItem icon={UserCog} onSelect={() => onDeed('role')}>
                {t(user.role === 'admin' ? 'people.role.less' : 'people.role.more')}
              </MenuItem>
              {user.second_factor && (
                <MenuItem icon={ShieldOff} onSelect={() => onDeed('factor')}>
                  {t('people.factor')}
                </MenuItem>
              )}
              <MenuLine />
              {disabled ? (
                <MenuItem icon={UserCheck} onSelect={() => onDeed('enable')}>
                  {t('people.enable')}
                </MenuItem>
              ) : (
                <MenuItem icon={Ban} danger onSelect={() => onDeed('disable')}>
                  {t('people.disable')}
                </MenuItem>
              )}
            </>
          }
        >
          <IconButton icon={Ellipsis} label={t('action.more', { title: user.name })} />
        </Menu>
      </Cell>
    </tr>
  );
}
