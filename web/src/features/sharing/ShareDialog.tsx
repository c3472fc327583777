import { useT } from '@/i18n';
import { Dialog } from '@/ui/Dialog';
import { Links } from './Links';
import { People } from './People';

interface ShareDialogProps {
  id: string;
  title: string;
  onClose: () => void;
}

/** With whom a recording is shared. For its owner. */
export function ShareDialog({ id, title, onClose }: ShareDialogProps) {
  const t = useT();
  return (
    <Dialog title={t('share.title', { name: title })} open onClose={onClose}>
      <People id={id} />
      <hr className="my-5 border-line" />
      <Links id={id} />
    </Dialog>
  );
}
