import type { LucideIcon } from 'lucide-react';
import { DropdownMenu } from 'radix-ui';
import { createContext, type ReactNode, type RefObject, useContext, useLayoutEffect, useRef } from 'react';
import { createPortal } from 'react-dom';
import { LANGUAGES, language } from '@/i18n';
import { cx } from './classes';
import { menuClosed, menuOpened } from './opener';

/** Whether what was chosen takes the focus. */
const Handed = createContext<RefObject<boolean> | null>(null);

/** Menus belong to the page's main part, for those who go from landmark to landmark. */
export function inMain(): HTMLElement | null {
  return document.getElementById('content');
}

export const MENU_LOOK = 'z-50 min-w-52 animate-rise rounded-lg border border-line bg-surface p-1.5 shadow-3';

interface MenuProps {
  /** The button that opens it. */
  children: ReactNode;
  items: ReactNode;
  align?: 'start' | 'end';
}

export function Menu({ children, items, align = 'end' }: MenuProps) {
  const handed = useRef(false);
  const button = useRef<HTMLButtonElement>(null);
  return (
    <DropdownMenu.Root
      modal={false}
      dir={LANGUAGES[language()].direction}
      onOpenChange={(open) => open && menuOpened(button.current)}
    >
      <DropdownMenu.Trigger ref={button} asChild>
        {children}
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal container={inMain()}>
        <DropdownMenu.Content
          align={align}
          sideOffset={6}
          collisionPadding={12}
          onCloseAutoFocus={(event) => {
            if (handed.current) event.preventDefault();
            handed.current = false;
            menuClosed();
          }}
          className={MENU_LOOK}
        >
          <Handed value={handed}>{items}</Handed>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

interface BesideProps {
  /** The button that asked for it. */
  element: HTMLElement;
  onClose: () => void;
  children: ReactNode;
}

/** The one menu of a long list: it opens beside the button of the row that asked for it, and goes where the page
 * is scrolled. To have one in each row would cost more than all else in it. */
export function MenuBeside({ element, onClose, children }: BesideProps) {
  const { left, top, width, height } = element.getBoundingClientRect();
  useLayoutEffect(() => menuOpened(element), [element]);
  return (
    <DropdownMenu.Root
      open
      modal={false}
      dir={LANGUAGES[language()].direction}
      onOpenChange={(open) => open || onClose()}
    >
      {createPortal(
        <DropdownMenu.Trigger
          aria-hidden
          tabIndex={-1}
          className="pointer-events-none absolute opacity-0"
          style={{ left: left + window.scrollX, top: top + window.scrollY, width, height }}
        />,
        document.body,
      )}
      <DropdownMenu.Portal container={inMain()}>
        <DropdownMenu.Content
          align="end"
          sideOffset={4}
          collisionPadding={12}
          aria-label={element.getAttribute('aria-label') ?? ''}
          onInteractOutside={(event) => {
            // The button itself says what a second press of it means.
            if (element.contains(event.target as Node)) event.preventDefault();
          }}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            if (document.activeElement === document.body) element.focus();
            menuClosed();
          }}
          className={MENU_LOOK}
        >
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

interface ItemProps {
  icon?: LucideIcon;
  children: ReactNode;
  onSelect?: () => void;
  href?: string;
  download?: boolean;
  danger?: boolean;
  /** Whether it hands the focus on to what it opens, rather than back to the button. */
  hands?: boolean;
  /** The key that does the same. */
  keys?: string;
}

export function MenuItem({
  icon: Icon,
  children,
  onSelect,
  href,
  download,
  danger = false,
  hands = false,
  keys,
}: ItemProps) {
  const handed = useContext(Handed);
  function select(): void {
    if (handed) handed.current = hands;
    onSelect?.();
  }
  const className = cx(
    'flex min-h-9 pointer-coarse:min-h-11 items-center gap-2.5 rounded-md px-2.5 text-sm outline-none select-none',
    'data-highlighted:bg-raised',
    danger ? 'text-danger' : 'text-ink',
  );
  const body = (
    <>
      {Icon && <Icon aria-hidden className="size-4 shrink-0 opacity-75" />}
      {children}
      {keys && (
        <kbd dir="ltr" className="ms-auto ps-4 font-sans text-xs text-ink-faint">
          {keys}
        </kbd>
      )}
    </>
  );
  if (href !== undefined) {
    return (
      <DropdownMenu.Item asChild onSelect={select}>
        <a className={className} href={href} {...(download ? { download: '' } : {})}>
          {body}
        </a>
      </DropdownMenu.Item>
    );
  }
  return (
    <DropdownMenu.Item className={className} onSelect={select}>
      {body}
    </DropdownMenu.Item>
  );
}

export function MenuLine() {
  return <DropdownMenu.Separator className="my-1.5 h-px bg-line" />;
}
