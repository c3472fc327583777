import { X } from 'lucide-react';
import { type ReactNode, useId, useLayoutEffect, useRef } from 'react';
import { t } from '@/i18n';
import { IconButton } from './Button';
import { cx } from './classes';
import { opener } from './opener';

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
  wide?: boolean;
  /** False where something has to be chosen first. */
  closable?: boolean;
}

/** The browser's own modal: it keeps the focus inside, closes on Escape, and lies above everything. */
export function Dialog({ open, ...rest }: DialogProps & { open: boolean }) {
  return open ? <Modal {...rest} /> : null;
}

function Modal({ title, onClose, children, wide = false, closable = true }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  // While it is still in the page: a browser gives the focus back to where it was only then.
  useLayoutEffect(() => {
    const dialog = ref.current;
    const back = opener();
    dialog?.showModal();
    return () => {
      dialog?.close();
      // Nothing took it where what had it is gone: it is still in here, until that is drawn no more.
      if (back && (dialog?.contains(document.activeElement) || document.activeElement === document.body))
        back.focus();
    };
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it; the click is on what lies behind it
    <dialog
      ref={ref}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClose={() => {
        // A browser closes it at a second Escape, whatever was said to the first.
        if (closable) onClose();
        else ref.current?.showModal();
      }}
      onClick={(event) => event.target === event.currentTarget && onClose()}
      className={cx(
        wide ? 'w-[min(40rem,calc(100vw-2rem))]' : 'w-[min(30rem,calc(100vw-2rem))]',
        'm-auto animate-rise rounded-xl border border-line bg-surface p-0 shadow-3',
      )}
    >
      <div className="p-6">
        <div className="mb-3 flex items-start justify-between gap-4">
          <h2 id={id} className="display pt-1 text-xl">
            {title}
          </h2>
          {closable && (
            <IconButton icon={X} label={t('action.close')} onClick={onClose} className="-me-2 -mt-1" />
          )}
        </div>
        {children}
      </div>
    </dialog>
  );
}
