import { useQuery } from '@tanstack/react-query';
import { Undo2 } from 'lucide-react';
import type { ReactNode } from 'react';
import type { Edit } from '@/api/types';
import { type Names, speakerName } from '@/features/recording/speakers';
import { language, useT } from '@/i18n';
import { IconButton } from '@/ui/Button';
import { wholeMoment } from '@/ui/format';
import { Message } from '@/ui/Message';
import { sentence } from '@/ui/sentence';
import { differing } from './differing';
import { historyQuery } from './server';

interface HistoryProps {
  id: string;
  names: Names;
  editable: boolean;
  onUndo: (edit: Edit) => void;
  onJump: (segment: number) => void;
}

const SHOWN = 3;

/** Who changed what, newest first; each can be taken back. */
export function HistoryPanel({ id, names, editable, onUndo, onJump }: HistoryProps) {
  const t = useT();
  const { data, error } = useQuery(historyQuery(id));
  if (error && !data) return <Message kind="bad">{sentence(error)}</Message>;
  if (!data) return <div className="h-24 animate-breathe rounded-lg bg-raised" />;
  if (data.length === 0) return <p className="text-sm text-ink-soft">{t('editing.history.empty')}</p>;
  const undone = new Set(data.map(({ undoes }) => undoes));
  return (
    <ol className="grid gap-4">
      {data.map((edit) => {
        const when = wholeMoment(edit.at, language());
        return (
          <li key={edit.version} className="grid gap-1">
            <div className="flex items-center justify-between gap-2">
              <p className="min-w-0 text-xs text-ink-faint">
                <bdi className="font-semibold text-ink">{edit.by ?? t('editing.history.gone')}</bdi>{' '}
                <time dateTime={edit.at}>{when}</time>
              </p>
              {editable && !undone.has(edit.version) && (
                <IconButton
                  icon={Undo2}
                  label={t('editing.history.undo', { time: when })}
                  onClick={() => onUndo(edit)}
                />
              )}
            </div>
            {edit.undoes !== null && (
              <p className="text-xs font-medium text-accent-strong">{t('editing.history.undone')}</p>
            )}
            {edit.names.map(({ speaker, before, after }) => (
              <p key={speaker} className="text-sm">
                {t('editing.history.speaker', {
                  before: before ?? speakerName(speaker, {}) ?? '',
                  after: after ?? speakerName(speaker, {}) ?? '',
                })}
              </p>
            ))}
            {edit.segments.slice(0, SHOWN).map((segment) => (
              <button
                key={segment.id}
                type="button"
                dir="auto"
                onClick={() => onJump(segment.id)}
                className="line-clamp-4 rounded-md text-start text-sm text-ink-soft hover:text-ink"
              >
                <What segment={segment} names={names} />
              </button>
            ))}
            {edit.segments.length > SHOWN && (
              <p className="text-xs text-ink-faint">
                {t('editing.history.more', { n: edit.segments.length - SHOWN })}
              </p>
            )}
          </li>
        );
      })}
    </ol>
  );
}

function What({ segment, names }: { segment: Edit['segments'][number]; names: Names }): ReactNode {
  const t = useT();
  const { before, after } = segment;
  if (!after) return t('editing.history.removed', { text: before?.text ?? '' });
  if (!before) return t('editing.history.added', { text: after.text });
  if (before.text === after.text) {
    return t('editing.history.speaker', {
      before: speakerName(before.speaker, names) ?? t('editing.speaker.nobody'),
      after: speakerName(after.speaker, names) ?? t('editing.speaker.nobody'),
    });
  }
  const { head, old, now, tail } = differing(before.text, after.text);
  return (
    <>
      {head}
      {old && <del className="text-danger decoration-1">{old}</del>}
      {old && now && ' '}
      {now && <ins className="text-good decoration-1 underline-offset-2">{now}</ins>}
      {tail}
    </>
  );
}
