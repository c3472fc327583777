import { useSyncExternalStore } from 'react';
import { preferences } from '@/ui/preferences';
import { type Catalogue, en, type MessageKey, type Plural } from './en';
import { numbers, plurals } from './intl';

export type { MessageKey };
export type Language = 'en' | 'ar';
export const LANGUAGES: Record<Language, { name: string; direction: 'ltr' | 'rtl' }> = {
  en: { name: 'English', direction: 'ltr' },
  ar: { name: 'العربية', direction: 'rtl' },
};

type Values = Record<string, string | number>;

const loaded: Partial<Record<Language, Catalogue>> = { en };
const listeners = new Set<() => void>();
let current: Language = 'en';

/** Fill in a message. Numbers are written as the language writes them. */
export function fill(message: string | Plural, values: Values, language: Language): string {
  const text =
    typeof message === 'string'
      ? message
      : (message[plurals(language).select(Number(values.n ?? 0))] ?? message.other);
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? numbers(language).format(value) : value;
  });
}

export function language(): Language {
  return current;
}

export function t(key: MessageKey, values: Values = {}): string {
  return fill((loaded[current] ?? en)[key], values, current);
}

/** What somebody did, in words; the code itself where it is newer than this app. */
export function deed(action: string): string {
  const key = `deed.${action}`;
  return key in en ? t(key as MessageKey) : action;
}

/** Use another language from now on; its catalogue is fetched when it is first wanted. */
export async function speak(next: Language): Promise<void> {
  if (!loaded[next]) loaded[next] = (await import('./ar')).ar;
  current = next;
  document.documentElement.lang = next;
  document.documentElement.dir = LANGUAGES[next].direction;
  for (const listener of listeners) listener();
}

export function chosenLanguage(): Language {
  const stored = preferences.get().language;
  if (stored && stored in LANGUAGES) return stored as Language;
  return navigator.language.startsWith('ar') ? 'ar' : 'en';
}

/** Draws a component anew when the language changes; what it returns is `t` itself. */
export function useT(): typeof t {
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
  return t;
}
