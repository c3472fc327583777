import {
  ArrowDownToLine,
  ArrowUpToLine,
  MessageSquarePlus,
  Pencil,
  Quote,
  Repeat,
  SquareCheck,
  Trash2,
  UserRound,
} from 'lucide-react';
import { useT } from '@/i18n';
import { MenuBeside, MenuItem, MenuLine } from '@/ui/Menu';
import type { Hands, Place } from './hands';

interface RowMenuProps {
  place: Place;
  hands: Hands;
  editable: boolean;
  playable: boolean;
  onQuote: (id: number) => void;
  onComment: (id: number) => void;
}

/** What can be done with a segment. One for all rows: it opens beside the button that asked for it. */
export function RowMenu({ place, hands, editable, playable, onQuote, onComment }: RowMenuProps) {
  const t = useT();
  const { id, element } = place;
  return (
    <MenuBeside element={element} onClose={() => hands.menu(null)}>
      {editable && (
        <>
          <MenuItem icon={Pencil} keys="Enter" onSelect={() => later(() => hands.edit(id))}>
            {t('editing.edit')}
          </MenuItem>
          <MenuItem icon={UserRound} keys="S" onSelect={() => later(() => hands.ask(place, [id]))}>
            {t('editing.speaker.set')}
          </MenuItem>
          <MenuItem icon={ArrowUpToLine} onSelect={() => later(() => hands.merge(id, 'before'))}>
            {t('editing.merge.before')}
          </MenuItem>
          <MenuItem icon={ArrowDownToLine} onSelect={() => later(() => hands.merge(id, 'after'))}>
            {t('editing.merge.after')}
          </MenuItem>
          <MenuLine />
          <MenuItem icon={MessageSquarePlus} keys="M" onSelect={() => later(() => onComment(id))}>
            {t('editing.comment')}
          </MenuItem>
        </>
      )}
      {playable && (
        <MenuItem icon={Repeat} keys="R" onSelect={() => hands.loop(id)}>
          {t('editing.loop')}
        </MenuItem>
      )}
      <MenuItem icon={Quote} keys="Q" onSelect={() => onQuote(id)}>
        {t('editing.quote')}
      </MenuItem>
      <MenuItem icon={SquareCheck} keys="X" onSelect={() => hands.select(id, false)}>
        {t('recording.select')}
      </MenuItem>
      {editable && (
        <>
          <MenuLine />
          <MenuItem icon={Trash2} danger onSelect={() => hands.remove([id])}>
            {t('action.delete')}
          </MenuItem>
        </>
      )}
    </MenuBeside>
  );
}

/** When the menu has gone, and with it its hold on the focus. */
function later(action: () => void): void {
  requestAnimationFrame(() => requestAnimationFrame(action));
}
