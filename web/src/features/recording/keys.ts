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
  | 'loop'
  | 'follow'
  | 'edit'
  | 'speaker'
  | 'undo'
  | 'redo'
  | 'find'
  | 'again'
  | 'comment'
  | 'copy'
  | 'quote'
  | 'export'
  | 'help';

interface Binding {
  command: Command;
  label: MessageKey;
  /** As shown; the first is the one to learn. */
  keys: string[];
  matches: (event: KeyEvent) => boolean;
  /** The keys that do the same while somebody types. */
  typing?: { keys: string[]; matches: (event: KeyEvent) => boolean };
  /** Whether it changes the text, so that only those need to know of it who may. */
  edits?: boolean;
}

type KeyEvent = Pick<KeyboardEvent, 'key' | 'code' | 'altKey' | 'ctrlKey' | 'metaKey' | 'shiftKey'>;

const plain = (event: KeyEvent) => !event.altKey && !event.ctrlKey && !event.metaKey;
const alt = (event: KeyEvent) => event.altKey && !event.ctrlKey && !event.metaKey;
const control = (event: KeyEvent) => (event.ctrlKey || event.metaKey) && !event.altKey;
const letter = (event: KeyEvent, name: string) => event.key.toLowerCase() === name;
const altKey = (code: string) => (event: KeyEvent) => alt(event) && event.code === code;
const plainKey = (event: KeyEvent, name: string) => plain(event) && event.key === name;

/** The keys that transcribers know from oTranscribe and from players, and Space. */
export const BINDINGS: Binding[] = [
  {
    command: 'play',
    label: 'keyboard.play',
    keys: ['Space', 'Esc'],
    matches: (event) => plainKey(event, ' ') || plainKey(event, 'Escape'),
    typing: { keys: ['Tab'], matches: (event) => plainKey(event, 'Tab') && !event.shiftKey },
  },
  {
    command: 'back',
    label: 'keyboard.back',
    keys: ['J', 'F1', 'Alt J'],
    matches: (event) => plainKey(event, 'j') || plainKey(event, 'F1') || altKey('KeyJ')(event),
    typing: {
      keys: ['F1', 'Alt J'],
      matches: (event) => plainKey(event, 'F1') || altKey('KeyJ')(event),
    },
  },
  {
    command: 'forward',
    label: 'keyboard.forward',
    keys: ['L', 'F2', 'Alt L'],
    matches: (event) => plainKey(event, 'l') || plainKey(event, 'F2') || altKey('KeyL')(event),
    typing: {
      keys: ['F2', 'Alt L'],
      matches: (event) => plainKey(event, 'F2') || altKey('KeyL')(event),
    },
  },
  {
    command: 'slower',
    label: 'keyboard.slower',
    keys: ['−', 'Alt −'],
    matches: (event) => plainKey(event, '-') || altKey('Minus')(event),
    typing: { keys: ['Alt −'], matches: altKey('Minus') },
  },
  {
    command: 'faster',
    label: 'keyboard.faster',
    keys: ['+', 'Alt +'],
    matches: (event) => plainKey(event, '+') || plainKey(event, '=') || altKey('Equal')(event),
    typing: { keys: ['Alt +'], matches: altKey('Equal') },
  },
  {
    command: 'previous',
    label: 'keyboard.previous',
    keys: ['K'],
    matches: (event) => plainKey(event, 'k'),
  },
  {
    command: 'next',
    label: 'keyboard.next',
    keys: ['N'],
    matches: (event) => plainKey(event, 'n'),
  },
  {
    command: 'loop',
    label: 'keyboard.loop',
    keys: ['R', 'Alt R'],
    matches: (event) => plainKey(event, 'r') || altKey('KeyR')(event),
    typing: { keys: ['Alt R'], matches: altKey('KeyR') },
  },
  {
    command: 'follow',
    label: 'keyboard.follow',
    keys: ['F'],
    matches: (event) => plainKey(event, 'f'),
  },
  {
    command: 'find',
    label: 'keyboard.find',
    keys: ['Ctrl F'],
    matches: (event) => control(event) && letter(event, 'f') && !event.shiftKey,
    typing: { keys: ['Ctrl F'], matches: (event) => control(event) && letter(event, 'f') && !event.shiftKey },
  },
  {
    command: 'again',
    label: 'keyboard.again',
    keys: ['Ctrl Enter'],
    matches: (event) => control(event) && event.key === 'Enter',
    typing: { keys: ['Ctrl Enter'], matches: (event) => control(event) && event.key === 'Enter' },
  },
  {
    command: 'edit',
    label: 'keyboard.edit',
    keys: ['Enter', 'E'],
    matches: (event) => plainKey(event, 'Enter') || plainKey(event, 'e'),
    edits: true,
  },
  {
    command: 'speaker',
    label: 'keyboard.speaker',
    keys: ['S'],
    matches: (event) => plainKey(event, 's'),
    edits: true,
  },
  {
    command: 'undo',
    label: 'keyboard.undo',
    keys: ['Ctrl Z'],
    matches: (event) => control(event) && letter(event, 'z') && !event.shiftKey,
    edits: true,
  },
  {
    command: 'redo',
    label: 'keyboard.redo',
    keys: ['Ctrl Shift Z', 'Ctrl Y'],
    matches: (event) =>
      control(event) && ((letter(event, 'z') && event.shiftKey) || (letter(event, 'y') && !event.shiftKey)),
    edits: true,
  },
  {
    command: 'comment',
    label: 'keyboard.comment',
    keys: ['M', 'Alt M'],
    matches: (event) => plainKey(event, 'm') || altKey('KeyM')(event),
    typing: { keys: ['Alt M'], matches: altKey('KeyM') },
    edits: true,
  },
  {
    command: 'copy',
    label: 'keyboard.copy',
    keys: ['C'],
    matches: (event) => plainKey(event, 'c'),
  },
  {
    command: 'quote',
    label: 'keyboard.quote',
    keys: ['Q'],
    matches: (event) => plainKey(event, 'q'),
  },
  {
    command: 'export',
    label: 'keyboard.export',
    keys: ['D'],
    matches: (event) => plainKey(event, 'd'),
  },
  {
    command: 'help',
    label: 'keyboard.help',
    keys: ['?'],
    matches: (event) => plainKey(event, '?'),
  },
];

/** What a key means to somebody who types; null where it is for the text. */
export function typingCommand(event: KeyEvent): Command | null {
  return BINDINGS.find(({ typing }) => typing?.matches(event))?.command ?? null;
}

/** Whether a key press belongs to what has the focus, and is no command. */
function isTyping(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (
    target.closest('input:not([type="checkbox"]), textarea, select, dialog, [contenteditable], [role="menu"]')
  ) {
    return true;
  }
  return (key === ' ' || key === 'Enter') && target.closest('button, a, [role="button"], input') !== null;
}

/** Whether one is finding already: then the key is the browser's own, for the whole page. */
function isFinding(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('search, dialog') !== null;
}

export function useKeys(run: (command: Command) => void): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented) return;
      const binding = BINDINGS.find((each) => each.matches(event));
      if (!binding || (binding.command === 'find' ? isFinding : isTyping)(event.target, event.key)) return;
      event.preventDefault();
      run(binding.command);
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [run]);
}
