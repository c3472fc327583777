import { type KeyboardEvent, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { Segment } from '@/api/types';
import { type Command, typingCommand } from '@/features/recording/keys';
import type { Player } from '@/features/recording/player';
import { useCurrentWord } from '@/features/recording/useCurrentWord';
import { t } from '@/i18n';
import { clock } from '@/ui/format';
import type { Caret, Hands } from './hands';
import { clean, retimed } from './text';

interface EditorProps {
  segment: Segment;
  caret: Caret;
  /** The version of the transcript, which an edit says that it began with. */
  version: number;
  player: Player | null;
  hands: Hands;
  onCommand: (command: Command) => void;
}

const PAUSE_MS = 2000;

/**
 * A segment's text while somebody types. It saves when they pause, and when they go; the word that is being said
 * is marked behind it all the while.
 */
export function Editor({ segment, caret, version, player, hands, onCommand }: EditorProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  const behind = useRef<HTMLDivElement>(null);
  const draft = useDraft(segment, version, hands);
  const { text } = draft;
  const words = useMemo(() => retimed(segment.words, text), [segment.words, text]);
  useCurrentWord(behind, words, player);

  useLayoutEffect(() => {
    const place = caret === 'start' ? 0 : caret === 'end' ? Number.MAX_SAFE_INTEGER : caret;
    const { from, to } = typeof place === 'number' ? { from: place, to: place } : place;
    area.current?.focus({ preventScroll: true });
    area.current?.setSelectionRange(from, to);
    area.current?.scrollIntoView({ block: 'nearest' });
  }, [caret]);

  function press(event: KeyboardEvent<HTMLTextAreaElement>): void {
    if (event.nativeEvent.isComposing) return;
    const { selectionStart: start, selectionEnd: end } = event.currentTarget;
    const at = start === end ? start : null;
    const handled = () => event.preventDefault();
    const command = typingCommand(event.nativeEvent);
    if (command) {
      handled();
      if (command === 'find' || command === 'again') draft.save();
      onCommand(command);
    } else if (event.key === 'Escape' || (event.key === 'Enter' && !event.shiftKey)) {
      handled();
      event.stopPropagation();
      draft.save();
      hands.leave(segment.id);
    } else if (event.key === 'Enter') {
      handled();
      draft.handOver((since) => hands.split(segment.id, text, start, since));
    } else if (event.key === 'Backspace' && at === 0) {
      handled();
      draft.handOver((since) => hands.merge(segment.id, 'before', text, since));
    } else if (event.key === 'Delete' && at === text.length) {
      handled();
      draft.handOver((since) => hands.merge(segment.id, 'after', text, since));
    } else if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
      handled();
      draft.save();
      hands.editNeighbour(segment.id, event.key === 'ArrowUp' ? -1 : 1);
    }
  }

  return (
    <div className="col-start-2">
      <div className="relative -mx-2 rounded-md bg-surface px-2 text-lg shadow-1 ring-2 ring-accent">
        <div
          ref={behind}
          aria-hidden
          dir="auto"
          className="min-h-7 text-transparent wrap-break-word whitespace-pre-wrap"
        >
          {[...text.matchAll(/\S+|\s+/gu)].map(([part], index) =>
            part.trim() === '' ? (
              part
            ) : (
              // biome-ignore lint/suspicious/noArrayIndexKey: words have no other name
              <span key={index} className="word data-said:text-transparent">
                {part}
              </span>
            ),
          )}
          {'\u200b'}
        </div>
        <textarea
          ref={area}
          dir="auto"
          value={text}
          rows={1}
          spellCheck
          lang={segment.language ?? undefined}
          aria-label={t('editing.text', { time: clock(segment.start_time) })}
          aria-keyshortcuts="Enter Escape Shift+Enter"
          onChange={(event) => draft.type(event.target.value.replace(/\s*\n\s*/gu, ' '))}
          onKeyDown={press}
          onBlur={(event) => {
            draft.save();
            // Another window, or the player: whoever comes back goes on typing.
            const next = event.relatedTarget;
            const stays = document.activeElement === area.current || next?.closest('[data-keeps-editing]');
            if (!stays) draft.close();
          }}
          className="absolute inset-0 size-full resize-none overflow-hidden bg-transparent px-2 outline-none"
        />
      </div>
      {draft.meanwhile !== null && (
        <p role="status" className="mt-1.5 text-sm text-amber-ink">
          {t('editing.meanwhile', { text: draft.meanwhile })}
        </p>
      )}
    </div>
  );
}

interface Draft {
  text: string;
  /** What somebody else has made of the text since it was begun with. */
  meanwhile: string | null;
  type: (text: string) => void;
  save: () => void;
  close: () => void;
  /** Let something take the text as it is, and be done with it. */
  handOver: (taker: (since: number) => boolean) => void;
}

function useDraft(segment: Segment, version: number, hands: Hands): Draft {
  const { id } = segment;
  const [text, setText] = useState(segment.text);
  /** The text that this began with, and the version of the transcript; null while nothing was typed. */
  const [begun, setBegun] = useState<{ text: string; version: number } | null>(null);
  const now = useRef({ text, begun, version, done: false });
  useLayoutEffect(() => {
    now.current = { ...now.current, text, begun, version };
  });
  useEffect(() => {
    // What others write is taken over, where nothing of one's own would go.
    if (!now.current.begun) setText((typed) => (clean(typed) === segment.text ? typed : segment.text));
    now.current.done = false;
  }, [segment.text]);

  const actions = useMemo(() => {
    const save = (emptyToo: boolean) => {
      const { text, begun, done } = now.current;
      if (!begun || done) return;
      if (!emptyToo && clean(text) === '') return;
      hands.commit(id, text, begun.version, begun.text, emptyToo);
      now.current.begun = null;
      setBegun(null);
    };
    return {
      save: () => save(true),
      pause: () => save(false),
      close: () => hands.close(id),
      handOver: (taker: (since: number) => boolean) => {
        const { begun, version } = now.current;
        if (!taker(begun?.version ?? version)) return;
        now.current.begun = null;
        now.current.done = true;
        setBegun(null);
      },
    };
  }, [hands, id]);

  useEffect(() => {
    if (!begun || text === begun.text) return;
    const timer = setTimeout(actions.pause, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, begun, actions]);
  useEffect(() => {
    // Before the page goes, what was typed is put where it is kept.
    window.addEventListener('pagehide', actions.save);
    window.addEventListener('beforeunload', actions.save);
    return () => {
      window.removeEventListener('pagehide', actions.save);
      window.removeEventListener('beforeunload', actions.save);
      actions.save();
    };
  }, [actions]);

  return {
    ...actions,
    text,
    meanwhile: begun && begun.text !== segment.text ? segment.text : null,
    type: (typed) => {
      setBegun((before) => before ?? { text: segment.text, version });
      setText(typed);
    },
  };
}
