import { type KeyboardEvent, useState } from 'react';
import { useT } from '@/i18n';
import { Button } from '@/ui/Button';

interface ComposerProps {
  label: string;
  submit: string;
  text?: string;
  onSave: (text: string) => Promise<void>;
  onCancel: () => void;
}

/** Write a comment. Enter sends it, with Shift it begins a new line. */
export function Composer({ label, submit, text: before = '', onSave, onCancel }: ComposerProps) {
  const t = useT();
  const [text, setText] = useState(before);
  const [busy, setBusy] = useState(false);

  async function save(): Promise<void> {
    if (text.trim() === '' || busy) return;
    setBusy(true);
    await onSave(text);
    setBusy(false);
  }

  function press(event: KeyboardEvent): void {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Enter' && !event.shiftKey) void save();
    else if (event.key === 'Escape') onCancel();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
      className="card grid gap-2 p-3"
    >
      <label className="grid gap-1.5 text-sm font-medium">
        {label}
        <textarea
          // biome-ignore lint/a11y/noAutofocus: whoever asked for it wants to write
          autoFocus
          dir="auto"
          rows={2}
          maxLength={10_000}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={press}
          className="field-sizing-content min-h-16 w-full resize-none rounded-md border border-control bg-surface px-2.5 py-1.5 text-base font-normal"
        />
      </label>
      <div className="flex justify-end gap-2">
        <Button onClick={onCancel}>{t('action.cancel')}</Button>
        <Button type="submit" look="solid" busy={busy} disabled={text.trim() === ''}>
          {submit}
        </Button>
      </div>
    </form>
  );
}
