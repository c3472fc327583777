import { useQuery } from '@tanstack/react-query';
import { Plus, X } from 'lucide-react';
import { type FormEvent, useId, useState } from 'react';
import { api, told } from '@/api/client';
import { tagsQuery } from '@/api/queries';
import { useDeed } from '@/api/useDeed';
import { useT } from '@/i18n';
import { Button, IconButton } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Field } from '@/ui/Field';
import { Message } from '@/ui/Message';
import { sentence } from '@/ui/sentence';
import { changed, cleanTag, LONGEST_TAG, type Tagged, tagsOf } from './tags';

interface TagDialogProps {
  /** What is to be tagged; nobody while it is closed. */
  recordings: readonly Tagged[];
  onClose: () => void;
}

/** Put tags to one recording or to many, and take them away. */
export function TagDialog({ recordings, onClose }: TagDialogProps) {
  const t = useT();
  return (
    <Dialog title={t('tags.title', { n: recordings.length })} open={recordings.length > 0} onClose={onClose}>
      <TagForm recordings={recordings} onClose={onClose} />
    </Dialog>
  );
}

function TagForm({ recordings, onClose }: TagDialogProps) {
  const t = useT();
  const list = useId();
  const known = useQuery(tagsQuery).data?.items ?? [];
  const deed = useDeed(['library'], ['recording']);
  const [added, setAdded] = useState<string[]>([]);
  const [removed, setRemoved] = useState<string[]>([]);
  const [typed, setTyped] = useState('');
  const [error, setError] = useState<string | null>(null);
  const there = tagsOf(recordings).filter(({ name }) => !removed.includes(name));

  function add(event?: FormEvent): string[] {
    event?.preventDefault();
    const tag = cleanTag(typed);
    setTyped('');
    const next = tag && !added.includes(tag) ? [...added, tag] : added;
    setAdded(next);
    return next;
  }

  async function save(): Promise<void> {
    setError(null);
    // What stands in the field is meant, too.
    const wishes = changed(recordings, add(), removed);
    try {
      await deed.attempt(async () => {
        for (const { id, tags } of wishes) {
          const path = { session_id: id };
          await told(api.PATCH('/api/v1/transcribe/{session_id}', { params: { path }, body: { tags } }));
        }
      });
      onClose();
    } catch (problem) {
      setError(sentence(problem));
    }
  }

  const several = recordings.length > 1;
  return (
    <>
      <ul aria-label={t('tags.there')} className="mb-4 flex min-h-8 flex-wrap gap-1.5">
        {there.map(({ name, count }) => (
          <Tag
            key={name}
            name={name}
            note={several ? `${count}/${recordings.length}` : ''}
            onRemove={() => setRemoved([...removed, name])}
          />
        ))}
        {added.map((name) => (
          <Tag
            key={`+${name}`}
            name={name}
            onRemove={() => setAdded(added.filter((each) => each !== name))}
          />
        ))}
        {there.length + added.length === 0 && (
          <li className="text-sm leading-8 text-ink-faint">{t('tags.none')}</li>
        )}
      </ul>
      <form onSubmit={add} className="flex items-end gap-2">
        <Field
          label={t('tags.add')}
          list={list}
          value={typed}
          maxLength={LONGEST_TAG}
          autoComplete="off"
          autoFocus
          className="grow"
          onChange={({ target }) => setTyped(target.value)}
        />
        <datalist id={list}>
          {known.map(({ name }) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <Button type="submit" icon={Plus} className="min-h-10.5" disabled={cleanTag(typed) === null}>
          {t('tags.add.submit')}
        </Button>
      </form>
      {error && (
        <div className="mt-4">
          <Message kind="bad">{error}</Message>
        </div>
      )}
      <div className="mt-6 flex justify-end gap-2">
        <Button onClick={onClose}>{t('action.cancel')}</Button>
        <Button look="solid" busy={deed.busy} onClick={() => void save()}>
          {t('action.save')}
        </Button>
      </div>
    </>
  );
}

function Tag({ name, note = '', onRemove }: { name: string; note?: string; onRemove: () => void }) {
  const t = useT();
  return (
    <li className="flex h-8 items-center rounded-full bg-raised ps-3 text-sm">
      <bdi className="max-w-60 truncate">{name}</bdi>
      {note && <span className="tabular ms-1.5 text-xs text-ink-faint">{note}</span>}
      <IconButton
        icon={X}
        label={t('tags.remove', { name })}
        className="size-8! rounded-full"
        onClick={onRemove}
      />
    </li>
  );
}
