import { Copy } from 'lucide-react';
import { t } from '@/i18n';
import { Button } from './Button';
import { copyText } from './clipboard';
import { Dialog } from './Dialog';
import { say } from './Toast';

interface SecretProps {
  title: string;
  text: string;
  /** What is shown this once; null while there is nothing to show. */
  secret: string | null;
  onClose: () => void;
}

/** Something that nobody can show again: a key, a link. */
export function Secret({ title, text, secret, onClose }: SecretProps) {
  async function copy(): Promise<void> {
    const copied = await copyText(secret ?? '');
    say(t(copied ? 'action.copied' : 'recording.uncopied'), { bad: !copied });
  }
  return (
    <Dialog title={title} open={secret !== null} onClose={onClose}>
      <p className="text-sm text-ink-soft">{text}</p>
      <code dir="ltr" className="mt-3 block rounded-md bg-raised p-3 text-sm break-all select-all">
        {secret}
      </code>
      <div className="mt-5 flex justify-end">
        <Button look="solid" icon={Copy} onClick={() => void copy()}>
          {t('action.copy')}
        </Button>
      </div>
    </Dialog>
  );
}
