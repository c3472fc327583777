import { queryOptions, useQuery } from '@tanstack/react-query';
import { api, told } from '@/api/client';
import { tagsQuery } from '@/api/queries';
import { language, useT } from '@/i18n';
import { Choice, Field } from '@/ui/Field';
import { languageName } from '@/ui/format';
import type { LibrarySearch } from './search';

const speakersQuery = queryOptions({
  queryKey: ['library', 'speakers'],
  queryFn: () => told(api.GET('/api/v1/speakers')),
});

const languagesQuery = queryOptions({
  queryKey: ['library', 'languages'],
  queryFn: () => told(api.GET('/api/v1/languages')),
});

interface FiltersProps {
  id: string;
  search: LibrarySearch;
  onChange: (next: Partial<LibrarySearch>) => void;
}

/** What narrows the list down beside status and title. What there is none of is not offered. */
export function Filters({ id, search, onChange }: FiltersProps) {
  const t = useT();
  const tags = useQuery(tagsQuery).data?.items ?? [];
  const speakers = useQuery(speakersQuery).data?.items ?? [];
  const languages = useQuery(languagesQuery).data?.items ?? [];
  const chosen = search.tag ?? [];
  const left = tags.filter(({ name }) => !chosen.some((tag) => same(tag, name)));
  return (
    <fieldset
      id={id}
      className="card mb-3 grid animate-rise items-end gap-3 p-4 sm:grid-cols-2 lg:grid-cols-3 xl:grid-cols-6"
    >
      <legend className="sr-only">{t('filter.title')}</legend>
      <Choice
        label={t('filter.tag')}
        value=""
        disabled={left.length === 0}
        onChange={({ target }) => onChange({ tag: [...chosen, target.value] })}
      >
        <option value="">
          {chosen.length > 0 ? chosen.join(', ') : t(tags.length > 0 ? 'filter.any' : 'filter.tag.none')}
        </option>
        {left.map(({ name, recordings }) => (
          <option key={name} value={name}>
            {name} ({recordings.toLocaleString(language())})
          </option>
        ))}
      </Choice>
      <Choice
        label={t('filter.speaker')}
        value={speakers.find(({ name }) => same(name, search.speaker))?.name ?? search.speaker ?? ''}
        disabled={speakers.length === 0 && !search.speaker}
        onChange={({ target }) => onChange({ speaker: target.value })}
      >
        <option value="">{t(speakers.length > 0 ? 'filter.any' : 'filter.speaker.none')}</option>
        {search.speaker && !speakers.some(({ name }) => same(name, search.speaker)) && (
          <option value={search.speaker}>{search.speaker}</option>
        )}
        {speakers.map(({ name, recordings }) => (
          <option key={name} value={name}>
            {name} ({recordings.toLocaleString(language())})
          </option>
        ))}
      </Choice>
      <Choice
        label={t('recording.language')}
        value={search.language ?? ''}
        onChange={({ target }) => onChange({ language: target.value })}
      >
        <option value="">{t('filter.any')}</option>
        {search.language && !languages.some((each) => each.language === search.language) && (
          <option value={search.language}>{languageName(search.language, language())}</option>
        )}
        {languages.map(({ language: code, recordings }) => (
          <option key={code} value={code}>
            {languageName(code, language())} ({recordings.toLocaleString(language())})
          </option>
        ))}
      </Choice>
      <Choice
        label={t('filter.held')}
        value={String(search.held ?? '')}
        onChange={({ target }) => onChange({ held: target.value === 'true' })}
      >
        <option value="">{t('filter.any')}</option>
        <option value="true">{t('filter.held.only')}</option>
      </Choice>
      <Field
        key={`since ${search.since ?? ''}`}
        type="date"
        label={t('filter.since')}
        defaultValue={search.since}
        max={search.until}
        onChange={({ target }) => onChange({ since: target.value })}
      />
      <Field
        key={`until ${search.until ?? ''}`}
        type="date"
        label={t('filter.until')}
        defaultValue={search.until}
        min={search.since}
        onChange={({ target }) => onChange({ until: target.value })}
      />
    </fieldset>
  );
}

function same(a: string, b: string | undefined): boolean {
  return a.toLowerCase() === b?.toLowerCase();
}
