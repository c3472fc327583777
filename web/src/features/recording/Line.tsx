import { Ellipsis, MessageSquareText } from 'lucide-react';
import { Fragment, memo, useRef } from 'react';
import type { Segment } from '@/api/types';
import { Editor } from '@/features/editing/Editor';
import type { Hands, Open } from '@/features/editing/hands';
import type { Hit } from '@/features/editing/search';
import { wordOfCharacter } from '@/features/editing/text';
import { t } from '@/i18n';
import { cx } from '@/ui/classes';
import { clock } from '@/ui/format';
import type { Command } from './keys';
import type { Player } from './player';
import { UNSURE } from './timeline';
import { useCurrentWord } from './useCurrentWord';

interface LineProps {
  segment: Segment;
  number: number;
  name: string | null;
  named: boolean;
  active: boolean;
  player: Player | null;
  tint: boolean;
  hands: Hands;
  /** Whether this is the row that the Tab key finds. */
  current: boolean;
  selected: boolean;
  editable: boolean;
  /** Where this is the segment that somebody types in. */
  open: Open | null;
  version: number;
  /** What was found in it, and which of that one is at. */
  hits: readonly Hit[] | undefined;
  hit: Hit | null;
  comments: number;
  onCommand: (command: Command) => void;
  onComments: (id: number) => void;
}

export const Line = memo(function Line(props: LineProps) {
  const { segment, number, name, named, active, player, hands, current, selected, editable, open } = props;
  const { id } = segment;
  const time = clock(segment.start_time);
  const reach = current ? 0 : -1;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for forms
    <div
      role="group"
      aria-label={t('editing.row', { name: name ?? '', time })}
      tabIndex={reach}
      data-segment={id}
      data-active={active || undefined}
      data-selected={selected || undefined}
      className={cx(
        'group/row grid grid-cols-[3.25rem_minmax(0,1fr)_2.25rem] gap-x-2.5 pointer-coarse:grid-cols-[3.25rem_minmax(0,1fr)_2.75rem] rounded-lg px-2 pb-1.5 transition-colors duration-200',
        'sm:grid-cols-[4.75rem_minmax(0,1fr)_2.25rem] sm:pointer-coarse:grid-cols-[4.75rem_minmax(0,1fr)_2.75rem] sm:gap-x-4',
        'data-active:bg-surface data-active:shadow-1 data-selected:bg-accent-soft/60',
        named ? 'pt-4' : 'pt-1.5',
      )}
    >
      {named && (
        <Heading id={id} name={name} number={number} reach={reach} editable={editable} hands={hands} />
      )}
      <div className="col-start-1 flex flex-col-reverse items-end gap-1 pt-1 sm:flex-row sm:items-center sm:justify-end self-start">
        <input
          type="checkbox"
          tabIndex={reach}
          checked={selected}
          aria-label={t('editing.select', { time })}
          onChange={() => undefined}
          onClick={(event) => hands.select(id, event.shiftKey)}
          className={cx(
            'size-4 cursor-pointer transition-opacity',
            'hidden group-focus-within/row:block group-data-selected/row:block in-data-selecting:block sm:block',
            'sm:opacity-0 sm:group-focus-within/row:opacity-100 sm:group-hover/row:opacity-100 sm:group-data-selected/row:opacity-100 sm:in-data-selecting:opacity-100',
          )}
        />
        <button
          type="button"
          tabIndex={reach}
          disabled={!player}
          aria-label={t('recording.jump', { time })}
          data-at={segment.start_time}
          className="tabular rounded-sm px-1 text-xs text-ink-faint enabled:hover:text-accent"
        >
          {time}
        </button>
      </div>
      {open ? (
        <Editor
          segment={segment}
          caret={open.caret}
          version={props.version}
          player={player}
          hands={hands}
          onCommand={props.onCommand}
        />
      ) : (
        <Words {...props} player={active ? player : null} />
      )}
      <div className="col-start-3 flex items-start justify-end pointer-coarse:flex-col pointer-coarse:items-end">
        {props.comments > 0 && (
          <button
            type="button"
            tabIndex={reach}
            aria-label={t('comments.mark', { n: props.comments })}
            onClick={() => props.onComments(id)}
            className="tabular inline-flex h-7 items-center pointer-coarse:-my-1 pointer-coarse:size-11 pointer-coarse:justify-center gap-1 rounded-md px-1 text-xs font-semibold text-amber-ink hover:bg-raised"
          >
            <MessageSquareText aria-hidden className="size-4" />
            {props.comments > 1 && props.comments}
          </button>
        )}
        <button
          type="button"
          tabIndex={reach}
          aria-label={t('editing.more', { time })}
          aria-haspopup="menu"
          data-menu=""
          onClick={(event) => hands.menu({ id, element: event.currentTarget })}
          className="inline-grid size-7 place-items-center rounded-md text-ink-faint opacity-0 pointer-coarse:-my-1 pointer-coarse:size-11 pointer-coarse:opacity-100 transition-opacity group-focus-within/row:opacity-100 group-hover/row:opacity-100 group-data-active/row:opacity-100 hover:bg-raised hover:text-ink focus-visible:opacity-100"
        >
          <Ellipsis aria-hidden className="size-4.5" />
        </button>
      </div>
    </div>
  );
});

interface HeadingProps {
  id: number;
  name: string | null;
  number: number;
  reach: 0 | -1;
  editable: boolean;
  hands: Hands;
}

/** Who speaks from here on; a click asks for another name. */
function Heading({ id, name, number, reach, editable, hands }: HeadingProps) {
  if (name === null) return null;
  const body = (
    <>
      <span aria-hidden className="size-2 shrink-0 rounded-full bg-current" />
      <bdi className="truncate">{name}</bdi>
    </>
  );
  const look =
    'col-start-2 mb-0.5 flex max-w-full items-center gap-2 justify-self-start text-sm font-semibold';
  const style = { color: `var(--voice-${number})` };
  if (!editable) {
    return (
      <p className={look} style={style}>
        {body}
      </p>
    );
  }
  return (
    <button
      type="button"
      tabIndex={reach}
      aria-label={t('editing.speaker.change', { name })}
      aria-haspopup="dialog"
      data-speaker=""
      onClick={(event) => hands.ask({ id, element: event.currentTarget })}
      className={cx(look, '-ms-1.5 rounded-md px-1.5 hover:bg-raised pointer-coarse:min-h-11')}
      style={style}
    >
      {body}
    </button>
  );
}

type WordsProps = Pick<LineProps, 'segment' | 'player' | 'tint' | 'hits' | 'hit'>;

function Words({ segment, player, tint, hits, hit }: WordsProps) {
  const ref = useRef<HTMLParagraphElement>(null);
  const { words, text } = segment;
  useCurrentWord(ref, words, player);
  const found = hits && marks(text, hits, hit);
  return (
    <p
      ref={ref}
      dir="auto"
      data-text=""
      data-found={(words.length === 0 && found && (found.now.size > 0 ? 'now' : 'yes')) || undefined}
      className="col-start-2 text-lg wrap-break-word data-found:bg-amber-soft"
    >
      {words.length === 0
        ? text
        : words.map((word, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: words have no other name, and never move
            <Fragment key={index}>
              {index > 0 && ' '}
              <span
                data-at={word.start_time}
                data-unsure={(tint && word.confidence !== null && word.confidence < UNSURE) || undefined}
                data-found={found?.now.has(index) ? 'now' : found?.all.has(index) ? 'yes' : undefined}
                className="word"
              >
                {word.text}
              </span>
            </Fragment>
          ))}
    </p>
  );
}

/** Which words have something in them that was found, and which of them that one is at. */
function marks(text: string, hits: readonly Hit[], now: Hit | null) {
  const words = (hit: Hit) => {
    const [first, last] = [wordOfCharacter(text, hit.start), wordOfCharacter(text, hit.end - 1)];
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  };
  return { all: new Set(hits.flatMap(words)), now: new Set(now ? words(now) : []) };
}
