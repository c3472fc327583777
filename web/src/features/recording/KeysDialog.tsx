import type { ReactNode } from 'react';
import type { MessageKey } from '@/i18n';
import { useT } from '@/i18n';
import { Dialog } from '@/ui/Dialog';
import { BINDINGS } from './keys';

/** Keys that only mean something in a text. */
const IN_TEXT: { label: MessageKey; keys: string[] }[] = [
  { label: 'keyboard.save', keys: ['Enter'] },
  { label: 'keyboard.leave', keys: ['Esc'] },
  { label: 'keyboard.split', keys: ['Shift Enter'] },
  { label: 'keyboard.join', keys: ['Backspace'] },
  { label: 'keyboard.neighbours', keys: ['Alt ↑', 'Alt ↓'] },
];

interface KeysDialogProps {
  open: boolean;
  editable: boolean;
  onClose: () => void;
}

export function KeysDialog({ open, editable, onClose }: KeysDialogProps) {
  const t = useT();
  const listening = BINDINGS.filter(({ edits }) => editable || !edits);
  const typing = BINDINGS.flatMap(({ label, typing }) => (typing ? [{ label, keys: typing.keys }] : []));
  return (
    <Dialog open={open} wide={editable} title={t('keyboard.title')} onClose={onClose}>
      <div className={editable ? 'grid gap-x-10 gap-y-6 sm:grid-cols-2' : ''}>
        <Keys title={editable ? t('keyboard.general') : null}>
          {listening.map(({ command, label, keys }) => (
            <Key key={command} label={t(label)} keys={keys} />
          ))}
        </Keys>
        {editable && (
          <Keys title={t('keyboard.typing')}>
            {[...IN_TEXT, ...typing].map(({ label, keys }) => (
              <Key key={label} label={t(label)} keys={keys} />
            ))}
          </Keys>
        )}
      </div>
    </Dialog>
  );
}

function Keys({ title, children }: { title: string | null; children: ReactNode }) {
  return (
    <section>
      {title !== null && <h3 className="mb-2.5 text-xs font-semibold text-ink-faint">{title}</h3>}
      <dl className="grid grid-cols-[1fr_auto] items-center gap-x-6 gap-y-2 text-sm">{children}</dl>
    </section>
  );
}

function Key({ label, keys }: { label: string; keys: readonly string[] }) {
  return (
    <div className="contents">
      <dt className="text-ink-soft">{label}</dt>
      <dd dir="ltr" className="flex flex-wrap justify-end gap-1.5">
        {keys.map((key) => (
          <kbd
            key={key}
            className="rounded-sm border border-line-strong bg-raised px-2 py-0.5 font-sans text-xs font-medium whitespace-nowrap shadow-1"
          >
            {key}
          </kbd>
        ))}
      </dd>
    </div>
  );
}
