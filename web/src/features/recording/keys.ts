import { useEffect } from 'react';
import type { MessageKey } from '@/i18n';

export type Command =
  | 'play'
  | 'back'
  | 'forward'
  | 'slower'
  | 'faster'
  | 'previous'
  | 'next'
  | 'follow'
  | 'copy'
  | 'help';

interface Binding {
  command: Command;
  label: MessageKey;
  /** As shown; the first is the one to learn. */
  keys: string[];
  matches: (event: KeyboardEvent) => boolean;
}

const plain = (event: KeyboardEvent) => !event.altKey && !event.ctrlKey && !event.metaKey;
const alt = (event: KeyboardEvent) => event.altKey && !event.ctrlKey && !event.metaKey;

/** The keys that transcribers know from oTranscribe and from players, and Space. */
export const BINDINGS: Binding[] = [
  {
    command: 'play',
    label: 'keyboard.play',
    keys: ['Space', 'Esc'],
    matches: (event) => plain(event) && (event.key === ' ' || event.key === 'Escape'),
  },
  {
    command: 'back',
    label: 'keyboard.back',
    keys: ['J', 'F1', 'Alt J'],
    matches: (event) =>
      (plain(event) && ['j', 'F1'].includes(event.key)) || (alt(event) && event.code === 'KeyJ'),
  },
  {
    command: 'forward',
    label: 'keyboard.forward',
    keys: ['L', 'F2', 'Alt L'],
    matches: (event) =>
      (plain(event) && ['l', 'F2'].includes(event.key)) || (alt(event) && event.code === 'KeyL'),
  },
  {
    command: 'slower',
    label: 'keyboard.slower',
    keys: ['−', 'Alt −'],
    matches: (event) => (plain(event) && event.key === '-') || (alt(event) && event.code === 'Minus'),
  },
  {
    command: 'faster',
    label: 'keyboard.faster',
    keys: ['+', 'Alt +'],
    matches: (event) =>
      (plain(event) && (event.key === '+' || event.key === '=')) || (alt(event) && event.code === 'Equal'),
  },
  {
    command: 'previous',
    label: 'keyboard.previous',
    keys: ['K'],
    matches: (event) => plain(event) && event.key === 'k',
  },
  {
    command: 'next',
    label: 'keyboard.next',
    keys: ['N'],
    matches: (event) => plain(event) && event.key === 'n',
  },
  {
    command: 'follow',
    label: 'keyboard.follow',
    keys: ['F'],
    matches: (event) => plain(event) && event.key === 'f',
  },
  {
    command: 'copy',
    label: 'keyboard.copy',
    keys: ['C'],
    matches: (event) => plain(event) && event.key === 'c',
  },
  {
    command: 'help',
    label: 'keyboard.help',
    keys: ['?'],
    matches: (event) => plain(event) && event.key === '?',
  },
];

/** Whether a key press belongs to what has the focus, and is no command. */
function isTyping(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (
    target.closest('input:not([type="checkbox"]), textarea, select, dialog, [contenteditable], [role="menu"]')
  ) {
    return true;
  }
  return key === ' ' && target.closest('button, a, [role="button"], input') !== null;
}

export function useKeys(run: (command: Command) => void): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || isTyping(event.target, event.key)) return;
      const binding = BINDINGS.find((each) => each.matches(event));
      if (!binding) return;
      event.preventDefault();
      run(binding.command);
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [run]);
}
