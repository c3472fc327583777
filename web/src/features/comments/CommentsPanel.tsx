import { Check, MessageSquarePlus, Pencil, RotateCcw, Trash2 } from 'lucide-react';
import { useState } from 'react';
import type { Comment } from '@/api/types';
import { language, useT } from '@/i18n';
import { Button, IconButton } from '@/ui/Button';
import { cx } from '@/ui/classes';
import { clock, moment } from '@/ui/format';
import { Message } from '@/ui/Message';
import { sentence } from '@/ui/sentence';
import { Composer } from './Composer';
import type { Comments } from './useComments';

interface CommentsPanelProps {
  comments: Comments;
  /** Whose they are; only an author changes a comment's text. */
  me: string | null;
  owner: boolean;
  editable: boolean;
  /** Where a new one is being written; null where none is. */
  writing: number | null;
  onWrite: (at: number | null) => void;
  /** Where in the recording one is. */
  now: () => number;
  onJump: (at: number) => void;
}

/** What people have said of moments of a recording. */
export function CommentsPanel({
  comments,
  me,
  owner,
  editable,
  writing,
  onWrite,
  now,
  onJump,
}: CommentsPanelProps) {
  const t = useT();
  const { items, error } = comments;
  const [showing, setShowing] = useState(false);
  if (error && !items) return <Message kind="bad">{sentence(error)}</Message>;
  const open = items?.filter(({ resolved_at }) => resolved_at === null) ?? [];
  const done = items?.filter(({ resolved_at }) => resolved_at !== null) ?? [];
  const entry = (comment: Comment) => (
    <li key={comment.id}>
      <Entry
        comment={comment}
        comments={comments}
        mine={comment.by !== null && comment.by === me}
        owner={owner}
        editable={editable}
        onJump={onJump}
      />
    </li>
  );
  return (
    <div className="grid gap-4">
      {editable && writing !== null && (
        <Composer
          key={writing}
          label={t('comments.write', { time: clock(writing) })}
          submit={t('comments.add')}
          onSave={async (text) => {
            if (await comments.add(text, writing)) onWrite(null);
          }}
          onCancel={() => onWrite(null)}
        />
      )}
      {editable && writing === null && (
        <Button icon={MessageSquarePlus} onClick={() => onWrite(now())}>
          {t('comments.new')}
        </Button>
      )}
      {items?.length === 0 && writing === null && (
        <p className="text-sm text-ink-soft">{t('comments.empty')}</p>
      )}
      {open.length > 0 && <ul className="grid gap-3">{open.map(entry)}</ul>}
      {done.length > 0 && (
        <details open={showing} onToggle={(event) => setShowing(event.currentTarget.open)}>
          <summary className="rounded-md py-1 text-sm text-ink-soft hover:text-ink">
            {t('comments.resolved', { n: done.length })}
          </summary>
          {showing && <ul className="mt-2 grid gap-3">{done.map(entry)}</ul>}
        </details>
      )}
    </div>
  );
}

interface EntryProps {
  comment: Comment;
  comments: Comments;
  mine: boolean;
  owner: boolean;
  editable: boolean;
  onJump: (at: number) => void;
}

function Entry({ comment, comments, mine, owner, editable, onJump }: EntryProps) {
  const t = useT();
  const [editing, setEditing] = useState(false);
  const { id, at, by, text, created_at, changed_at, resolved_at } = comment;
  if (editing) {
    return (
      <Composer
        label={t('comments.text')}
        submit={t('comments.save')}
        text={text}
        onSave={async (next) => {
          if (await comments.change(id, { text: next })) setEditing(false);
        }}
        onCancel={() => setEditing(false)}
      />
    );
  }
  return (
    <article
      className={cx('group/comment card grid gap-1.5 p-3 text-sm', resolved_at !== null && 'opacity-80')}
    >
      <header className="flex flex-wrap items-center gap-x-2 text-xs text-ink-faint">
        {at !== null && (
          <button
            type="button"
            aria-label={t('comments.jump', { time: clock(at) })}
            onClick={() => onJump(at)}
            className="tabular pointer-coarse:min-h-11 pointer-coarse:min-w-11 rounded-sm bg-amber-soft px-1.5 py-0.5 font-semibold text-amber-ink hover:underline"
          >
            {clock(at)}
          </button>
        )}
        <bdi className="font-semibold text-ink">{by ?? t('comments.gone')}</bdi>
        <time dateTime={created_at}>{moment(created_at, language())}</time>
        {changed_at !== null && <span>({t('comments.changed')})</span>}
      </header>
      <p dir="auto" className="wrap-break-word whitespace-pre-wrap">
        {text}
      </p>
      {editable && (
        <footer className="-mb-1.5 flex justify-end">
          <IconButton
            icon={resolved_at === null ? Check : RotateCcw}
            label={t(resolved_at === null ? 'comments.resolve' : 'comments.reopen')}
            onClick={() => void comments.change(id, { resolved: resolved_at === null })}
          />
          {mine && <IconButton icon={Pencil} label={t('comments.edit')} onClick={() => setEditing(true)} />}
          {(mine || owner) && (
            <IconButton icon={Trash2} label={t('action.delete')} onClick={() => void comments.remove(id)} />
          )}
        </footer>
      )}
    </article>
  );
}
