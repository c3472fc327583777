import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { api, told } from '@/api/client';
import { useDeed } from '@/api/useDeed';
import { t } from '@/i18n';
import { cx } from '@/ui/classes';

interface TitleFieldProps {
  id: string;
  title: string;
  className?: string;
  onDone: () => void;
}

/** A title that is being written: Enter or leaving it keeps it, Escape does not. */
export function TitleField({ id, title, className, onDone }: TitleFieldProps) {
  const ref = useRef<HTMLInputElement>(null);
  const left = useRef(false);
  const [text, setText] = useState(title);
  const deed = useDeed(['library'], ['recording', id]);
  useEffect(() => ref.current?.select(), []);

  async function keep(): Promise<void> {
    if (left.current) return;
    left.current = true;
    const wanted = text.replace(/\s+/g, ' ').trim();
    if (wanted !== '' && wanted !== title) {
      const path = { session_id: id };
      await deed.run(() =>
        told(api.PATCH('/api/v1/transcribe/{session_id}', { params: { path }, body: { title: wanted } })),
      );
    }
    onDone();
  }

  function onKeyDown(event: KeyboardEvent): void {
    // Keys of the player are letters here.
    event.stopPropagation();
    if (event.key === 'Enter') void keep();
    if (event.key !== 'Escape') return;
    left.current = true;
    onDone();
  }

  return (
    <input
      ref={ref}
      aria-label={t('title.field')}
      value={text}
      maxLength={200}
      disabled={deed.busy}
      // biome-ignore lint/a11y/noAutofocus: somebody has just asked to write here
      autoFocus
      dir="auto"
      onChange={({ target }) => setText(target.value)}
      onKeyDown={onKeyDown}
      onBlur={() => void keep()}
      className={cx(
        'relative z-10 w-full min-w-0 rounded-md border border-control bg-surface px-2 text-ink shadow-1',
        className,
      )}
    />
  );
}
