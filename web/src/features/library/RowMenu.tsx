import { CircleStop, Lock, LockOpen, Pencil, RotateCcw, Share2, Tag, Trash2 } from 'lucide-react';
import type { Recording } from '@/api/types';
import { t } from '@/i18n';
import { MenuBeside, MenuItem, MenuLine } from '@/ui/Menu';
import type { RowDeeds } from './Row';

interface RowMenuProps {
  recording: Recording;
  /** The button that it opens beside. */
  element: HTMLElement;
  deeds: RowDeeds;
  onWrite: (id: string) => void;
  onClose: () => void;
}

/** What can be done with one recording, by this person and now. */
export function RowMenu({ recording, element, deeds, onWrite, onClose }: RowMenuProps) {
  const { session_id: id, status, access, held } = recording;
  const active = status === 'queued' || status === 'running';
  const mine = access === 'owner';
  const mayWork = active || recording.media_removed_at === null;
  return (
    <MenuBeside element={element} onClose={onClose}>
      <MenuItem icon={Pencil} onSelect={() => onWrite(id)}>
        {t('title.change')}
      </MenuItem>
      <MenuItem icon={Tag} onSelect={() => deeds.onTag([recording])}>
        {t('tags.open')}
      </MenuItem>
      {mine && (
        <MenuItem icon={Share2} onSelect={() => deeds.onShare(recording)}>
          {t('share.open')}
        </MenuItem>
      )}
      {mayWork && <MenuLine />}
      {mayWork && active && (
        <MenuItem icon={CircleStop} onSelect={() => deeds.onCancel([id])}>
          {t('action.stop')}
        </MenuItem>
      )}
      {mayWork && !active && (
        <MenuItem icon={RotateCcw} onSelect={() => deeds.onRetry([id])}>
          {t(status === 'completed' ? 'recording.again' : 'action.retry')}
        </MenuItem>
      )}
      {mine && (
        <>
          <MenuLine />
          <MenuItem icon={held ? LockOpen : Lock} onSelect={() => deeds.onHold(id, !held)}>
            {t(held ? 'hold.release' : 'hold.put')}
          </MenuItem>
          {!held && (
            <MenuItem icon={Trash2} danger onSelect={() => deeds.onDelete([id])}>
              {t('action.delete')}
            </MenuItem>
          )}
        </>
      )}
    </MenuBeside>
  );
}
