import { useId } from 'react';
import { useT } from '@/i18n';
import { Field, Select } from '@/ui/Field';
import { languageName } from '@/ui/format';
import { recorder } from './recorder';
import { useRecorder } from './useRecorder';

const LANGUAGES =
  'ar cs da de el en es fa fi fr he hi hu id it ja ko nl no pl pt ro ru sv th tr uk ur vi zh'.split(' ');

/** Title and language: before, or while it goes on. */
export function Describe() {
  const t = useT();
  const id = useId();
  const { title, language } = useRecorder();
  const shown = document.documentElement.lang;
  const names = LANGUAGES.map((code) => ({ code, name: languageName(code, shown) }));
  names.sort((one, other) => one.name.localeCompare(other.name, shown));
  return (
    <section aria-labelledby={id} className="card grid gap-4 p-5">
      <h2 id={id} className="text-sm font-semibold">
        {t('record.about')}
      </h2>
      <Field
        label={t('record.name')}
        placeholder={t('record.name.hint')}
        value={title}
        maxLength={200}
        autoComplete="off"
        onChange={(event) => recorder.setTitle(event.target.value)}
      />
      <div className="grid gap-1.5">
        <span aria-hidden className="text-sm font-medium">
          {t('record.language')}
        </span>
        <Select
          label={t('record.language')}
          value={language}
          className="min-h-10.5 w-full"
          onChange={(event) => recorder.setLanguage(event.target.value)}
        >
          <option value="">{t('record.language.any')}</option>
          {names.map(({ code, name }) => (
            <option key={code} value={code}>
              {name}
            </option>
          ))}
        </Select>
      </div>
    </section>
  );
}
