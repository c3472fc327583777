import { Link } from '@tanstack/react-router';
import { Ellipsis, Lock, Users } from 'lucide-react';
import { memo } from 'react';
import type { Recording } from '@/api/types';
import { language, type MessageKey, t } from '@/i18n';
import { IconButton } from '@/ui/Button';
import { cx } from '@/ui/classes';
import { clock, languageName, moment, percent, stretch, wholeMoment } from '@/ui/format';
import { Progress } from '@/ui/Progress';
import { pace } from './pace';
import { StatusChip } from './StatusChip';
import { TitleField } from './TitleField';

export const ROW_HEIGHT = 76;

/** What a row's menu can ask for. */
export interface RowDeeds {
  onRetry: (ids: string[]) => void;
  onCancel: (ids: string[]) => void;
  onDelete: (ids: string[]) => void;
  onHold: (id: string, held: boolean) => void;
  onTag: (recordings: Recording[]) => void;
  onShare: (recording: Recording) => void;
}

interface RowProps {
  recording: Recording;
  selected: boolean;
  /** Whether its title is being written. */
  writing: boolean;
  onSelect: (id: string, range: boolean) => void;
  /** Where its menu is asked for, by this button. */
  onMenu: (id: string, button: HTMLElement) => void;
  onWritten: () => void;
}

/** One recording of the library. The whole row opens it; what else is in it lies above that. */
export const Row = memo(function Row(props: RowProps) {
  const { recording, selected, writing, onSelect, onMenu, onWritten } = props;
  const { session_id: id, title, status } = recording;
  return (
    <div
      data-selected={selected || undefined}
      className="group relative flex h-full items-center gap-3 border-b border-line px-3 transition-colors hover:bg-raised/60 data-selected:bg-accent-soft sm:gap-4 sm:px-4"
    >
      <Tile recording={recording} selected={selected} onSelect={onSelect} />
      <div className="min-w-0 grow">
        <div className="flex min-w-0 items-center gap-2">
          {writing ? (
            <TitleField id={id} title={title} className="min-h-8 text-base font-medium" onDone={onWritten} />
          ) : (
            <Link
              to="/recordings/$id"
              params={{ id }}
              dir="auto"
              className="truncate rounded-sm text-base font-medium after:absolute after:inset-0 after:content-['']"
            >
              {title}
            </Link>
          )}
          {recording.held && (
            <Lock aria-label={t('library.held')} className="size-3.5 shrink-0 text-ink-faint" />
          )}
        </div>
        <Line recording={recording} />
      </div>
      <Length recording={recording} />
      <div className="hidden w-28 shrink-0 justify-end sm:flex">
        <StatusChip status={status} />
      </div>
      {recording.access === 'viewer' ? (
        <span className="w-9 shrink-0 pointer-coarse:w-11" />
      ) : (
        <IconButton
          icon={Ellipsis}
          label={t('action.more', { title })}
          aria-haspopup="menu"
          className="relative"
          onClick={(event) => onMenu(id, event.currentTarget)}
        />
      )}
    </div>
  );
});

type TileProps = Pick<RowProps, 'recording' | 'selected' | 'onSelect'>;

/** The sign of a recording, which is the box that selects it too: it looks like one where a pointer or the focus
 * comes near. */
function Tile({ recording, selected, onSelect }: TileProps) {
  const { session_id: id, title, status } = recording;
  return (
    // biome-ignore lint/a11y/useSemanticElements: React watches each input, which takes as long as all else in the row
    <button
      type="button"
      role="checkbox"
      aria-checked={selected}
      aria-label={t('library.select', { title })}
      data-status={status}
      onClick={(event) => onSelect(id, event.shiftKey)}
      className="tile relative z-10 size-10 shrink-0 pointer-coarse:size-11"
    />
  );
}

function Length({ recording }: { recording: Recording }) {
  const seconds = recording.duration ?? recording.progress.duration;
  return (
    <span className="tabular hidden w-16 shrink-0 text-end text-sm text-ink-soft md:block">
      {seconds === null ? '' : clock(seconds)}
    </span>
  );
}

/** Below the title: how far the work is, what went wrong, or what the recording is. */
function Line({ recording }: { recording: Recording }) {
  if (recording.status === 'running') return <Work recording={recording} />;
  if (recording.status === 'failed' && recording.error) {
    return <p className="truncate text-sm text-danger">{recording.error.message}</p>;
  }
  const facts = [
    moment(recording.created_at, language()),
    recording.language ? languageName(recording.language, language()) : null,
  ].filter((fact) => fact !== null);
  return (
    <p className="flex min-w-0 items-center gap-2 text-sm text-ink-faint">
      <span className="shrink-0 sm:hidden">
        <StatusChip status={recording.status} small />
      </span>
      <time
        dateTime={recording.created_at}
        title={wholeMoment(recording.created_at, language())}
        className="truncate"
      >
        {facts.join(' · ')}
      </time>
      <Tags tags={recording.tags} />
      {recording.owner && (
        <span className="flex min-w-0 items-center gap-1 truncate">
          <Users aria-hidden className="size-3.5 shrink-0" />
          <bdi className="truncate">{t('library.shared', { name: recording.owner })}</bdi>
        </span>
      )}
    </p>
  );
}

const TAGS_SHOWN = 3;

/** The first of its tags, each a way to all that have it. */
function Tags({ tags }: { tags: readonly string[] }) {
  if (tags.length === 0) return null;
  return (
    <span className="hidden min-w-0 items-center gap-1 overflow-hidden sm:flex">
      {tags.slice(0, TAGS_SHOWN).map((tag) => (
        <Link
          key={tag}
          to="/"
          search={{ tag: [tag] }}
          title={t('tags.only', { name: tag })}
          className="relative z-10 max-w-32 truncate rounded-full border border-line bg-raised px-2 text-xs leading-5 text-ink-soft hover:border-line-strong hover:text-ink"
        >
          <bdi>{tag}</bdi>
        </Link>
      ))}
      {tags.length > TAGS_SHOWN && (
        <span className="text-xs" title={tags.slice(TAGS_SHOWN).join(', ')}>
          +{tags.length - TAGS_SHOWN}
        </span>
      )}
    </span>
  );
}

const STAGES: Record<string, MessageKey> = {
  probe: 'stage.probe',
  model: 'stage.model',
  transcribe: 'stage.transcribe',
};

function Work({ recording }: { recording: Recording }) {
  const { position, duration } = recording.progress;
  const share = duration ? position / duration : null;
  const found = pace(recording.session_id, duration);
  const stage = STAGES[recording.stage ?? ''];
  // Where there is little room: how far it is, and how long it takes yet.
  const facts = [
    { text: stage ? t(stage) : null, always: share === null },
    { text: share === null ? null : percent(share, language()), always: true },
    { text: found ? t('progress.speed', { speed: Math.round(found.speed * 10) / 10 }) : null, always: false },
    {
      text: found?.left ? t('progress.left', { time: stretch(found.left, language()) }) : null,
      always: true,
    },
  ].filter(({ text }) => text !== null);
  return (
    <div className="mt-1 flex items-center gap-3">
      <Progress
        share={share}
        label={t('progress.of', { percent: percent(share ?? 0, language()), title: recording.title })}
        className="w-24 shrink-0 sm:w-40"
      />
      <p className="tabular flex min-w-0 truncate text-sm text-ink-soft">
        {facts.map(({ text, always }) => (
          <span
            key={text}
            className={cx("whitespace-pre not-last:after:content-['_·_']", !always && 'max-sm:hidden')}
          >
            {text}
          </span>
        ))}
      </p>
    </div>
  );
}
