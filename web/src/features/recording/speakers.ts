import { t } from '@/i18n';

/** The names that people gave to speakers, by what the engine called them. */
export type Names = Readonly<Record<string, string>>;

/** A speaker's name as people see it; null where nobody is told apart. */
export function speakerName(speaker: string | null, names: Names): string | null {
  if (speaker === null) return null;
  const given = names[speaker];
  if (given) return given;
  if (speaker === 'left') return t('recording.speaker.left');
  if (speaker === 'right') return t('recording.speaker.right');
  return speaker;
}
