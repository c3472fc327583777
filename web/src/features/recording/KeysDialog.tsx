import { useT } from '@/i18n';
import { Dialog } from '@/ui/Dialog';
import { BINDINGS } from './keys';

export function KeysDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const t = useT();
  return (
    <Dialog open={open} title={t('keyboard.title')} onClose={onClose}>
      <dl className="grid grid-cols-[1fr_auto] items-center gap-x-6 gap-y-2.5 text-sm">
        {BINDINGS.map(({ command, label, keys }) => (
          <div key={command} className="contents">
            <dt className="text-ink-soft">{t(label)}</dt>
            <dd dir="ltr" className="flex justify-end gap-1.5">
              {keys.map((key) => (
                <kbd
                  key={key}
                  className="rounded-sm border border-line-strong bg-raised px-2 py-0.5 font-sans text-xs font-medium shadow-1"
                >
                  {key}
                </kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
