import { type ReactNode, useState } from 'react';
import { t } from '@/i18n';
import { sentence } from '@/ui/sentence';
import { Button } from './Button';
import { Dialog } from './Dialog';
import { Message } from './Message';

interface ConfirmProps {
  open: boolean;
  title: string;
  /** What happens then, and whether it can be undone. */
  text: ReactNode;
  /** What the button says: the deed itself, never “OK”. */
  action: string;
  danger?: boolean;
  onClose: () => void;
  onConfirm: () => Promise<unknown>;
}

/** Asks before something is done; stays, and says why, where it could not be. */
export function Confirm({ open, title, text, action, danger = true, onClose, onConfirm }: ConfirmProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);

  function close(): void {
    setError(null);
    onClose();
  }

  async function confirm(): Promise<void> {
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      onClose();
    } catch (problem) {
      setError(sentence(problem));
    } finally {
      setBusy(false);
    }
  }

  return (
    <Dialog open={open} title={title} onClose={close}>
      <div className="grid gap-3 text-ink-soft">
        {text}
        {error && <Message kind="bad">{error}</Message>}
      </div>
      <div className="mt-6 flex justify-end gap-2">
        <Button onClick={close}>{t('action.cancel')}</Button>
        <Button look={danger ? 'danger' : 'solid'} busy={busy} onClick={() => void confirm()}>
          {action}
        </Button>
      </div>
    </Dialog>
  );
}
