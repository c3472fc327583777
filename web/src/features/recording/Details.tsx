import type { ReactNode } from 'react';
import type { Result } from '@/api/types';
import { language, useT } from '@/i18n';
import { clock, languageName, percent, stretch, wholeMoment } from '@/ui/format';
import { Message } from '@/ui/Message';
import { preferences } from '@/ui/preferences';
import { speakerName } from './speakers';
import { countWords, type Voice } from './timeline';

interface DetailsProps {
  result: Result;
  voices: readonly Voice[];
  tint: boolean;
}

/** Beside the text: who speaks, and what is known of the recording. */
export function Details({ result, voices, tint }: DetailsProps) {
  const t = useT();
  const { metadata, transcript, progress } = result;
  const told = voices.filter((voice) => voice.speaker !== null);
  const judged = transcript.segments.some(({ words }) => words.some(({ confidence }) => confidence !== null));
  const duration = metadata.duration ?? progress.duration;
  return (
    <aside
      aria-label={t('recording.details')}
      className="grid content-start gap-6 text-sm xl:sticky xl:top-6 xl:self-start"
    >
      {told.length > 0 && (
        <section>
          <h2 className="mb-3 text-xs font-semibold text-ink-faint">{t('recording.speakers')}</h2>
          <ul className="grid gap-3">
            {told.map((voice) => (
              <li key={voice.speaker} style={{ color: `var(--voice-${voice.number})` }}>
                <div className="flex items-baseline justify-between gap-3">
                  <bdi className="font-medium">{speakerName(voice.speaker, transcript.speakers)}</bdi>
                  <span className="tabular text-xs text-ink-faint">{percent(voice.share, language())}</span>
                </div>
                <div className="mt-1.5 h-1.5 overflow-hidden rounded-full bg-sunken">
                  <div
                    className="h-full rounded-full bg-current"
                    style={{ width: `${voice.share * 100}%` }}
                  />
                </div>
              </li>
            ))}
          </ul>
        </section>
      )}
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-2">
        {duration !== null && <Fact name={t('recording.length')}>{clock(duration)}</Fact>}
        {metadata.language && (
          <Fact name={t('recording.language')}>{languageName(metadata.language, language())}</Fact>
        )}
        <Fact name={t('recording.words')}>{countWords(transcript.segments).toLocaleString(language())}</Fact>
        {metadata.engine && <Fact name={t('recording.engine')}>{metadata.engine}</Fact>}
        {metadata.processing_time !== null && metadata.processing_time !== undefined && (
          <Fact name={t('recording.took')}>{stretch(metadata.processing_time, language())}</Fact>
        )}
      </dl>
      {judged && (
        <label className="flex cursor-pointer items-start gap-2.5">
          <input
            type="checkbox"
            checked={tint}
            onChange={(event) => preferences.change({ tintUnsure: event.target.checked })}
            className="mt-0.5 size-4 shrink-0"
          />
          <span>{t('recording.unsure')}</span>
        </label>
      )}
      {(metadata.notices.length > 0 || result.media_removed_at) && (
        <section className="grid gap-2">
          <h2 className="text-xs font-semibold text-ink-faint">{t('recording.notices')}</h2>
          {metadata.notices.map((notice) => (
            <Message key={notice.code} kind="note">
              {notice.message}
            </Message>
          ))}
          {result.media_removed_at && (
            <Message kind="note">
              {t('recording.removed', { date: wholeMoment(result.media_removed_at, language()) })}
            </Message>
          )}
        </section>
      )}
    </aside>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-ink-faint">{name}</dt>
      <dd className="tabular text-end">{children}</dd>
    </>
  );
}
