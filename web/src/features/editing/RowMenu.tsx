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
import { DropdownMenu } from 'radix-ui';
import { LANGUAGES, language, useT } from '@/i18n';
import { inMain, MENU_LOOK, MenuItem, MenuLine } from '@/ui/Menu';
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
  const { left, top, width, height } = element.getBoundingClientRect();
  return (
    <DropdownMenu.Root
      open
      modal={false}
      dir={LANGUAGES[language()].direction}
      onOpenChange={(open) => open || hands.menu(null)}
    >
      <DropdownMenu.Trigger
        aria-hidden
        tabIndex={-1}
        className="pointer-events-none fixed opacity-0"
        style={{ left, top, width, height }}
      />
      <DropdownMenu.Portal container={inMain()}>
        <DropdownMenu.Content
          align="end"
          sideOffset={4}
          collisionPadding={12}
          aria-label={element.getAttribute('aria-label') ?? ''}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            if (document.activeElement === document.body) element.focus();
          }}
          className={MENU_LOOK}
        >
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
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

/** When the menu has gone, and with it its hold on the focus. */
function later(action: () => void): void {
  requestAnimationFrame(() => requestAnimationFrame(action));
}
