import { Monitor, Moon, Sun } from 'lucide-react';
import { useId, useSyncExternalStore } from 'react';
import { chosenLanguage, LANGUAGES, type Language, speak, useT } from '@/i18n';
import { cx } from '@/ui/classes';
import { preferences } from '@/ui/preferences';
import { Section } from '@/ui/Section';

const THEMES = [
  { name: 'system', icon: Monitor },
  { name: 'light', icon: Sun },
  { name: 'dark', icon: Moon },
] as const;

const CHOICE =
  'relative flex min-h-11 cursor-pointer items-center justify-center gap-2.5 rounded-md border px-4 text-sm font-medium ' +
  'has-checked:border-accent has-checked:bg-accent-soft has-checked:text-accent-strong has-focus-visible:outline-2 ' +
  'has-focus-visible:outline-offset-2 has-focus-visible:outline-accent';

export function Appearance() {
  const t = useT();
  const name = useId();
  const theme = useSyncExternalStore(preferences.subscribe, () => preferences.get().theme ?? 'system');

  async function talk(next: Language): Promise<void> {
    preferences.change({ language: next });
    await speak(next);
  }

  return (
    <>
      <Section title={t('appearance.theme')}>
        <div role="radiogroup" aria-label={t('appearance.theme')} className="grid gap-2 sm:grid-cols-3">
          {THEMES.map(({ name: value, icon: Icon }) => (
            <label key={value} className={cx(CHOICE, 'border-line-strong')}>
              <input
                type="radio"
                name={`${name}-theme`}
                className="sr-only"
                checked={theme === value}
                onChange={() => preferences.change({ theme: value })}
              />
              <Icon aria-hidden className="size-4.5" />
              {t(`appearance.theme.${value}`)}
            </label>
          ))}
        </div>
      </Section>
      <Section title={t('appearance.language')}>
        <div role="radiogroup" aria-label={t('appearance.language')} className="grid gap-2 sm:grid-cols-3">
          {(Object.keys(LANGUAGES) as Language[]).map((code) => (
            <label key={code} lang={code} className={cx(CHOICE, 'border-line-strong')}>
              <input
                type="radio"
                name={`${name}-language`}
                className="sr-only"
                checked={chosenLanguage() === code}
                onChange={() => void talk(code)}
              />
              {LANGUAGES[code].name}
            </label>
          ))}
        </div>
      </Section>
    </>
  );
}
