import { FileAudio, FolderOpen, Plus } from 'lucide-react';
import { useT } from '@/i18n';
import { Button } from '@/ui/Button';
import { Menu, MenuItem } from '@/ui/Menu';
import { pick } from './uploads';

export function AddButton() {
  const t = useT();
  return (
    <Menu
      items={
        <>
          <MenuItem icon={FileAudio} onSelect={() => pick('files')}>
            {t('library.upload.files')}
          </MenuItem>
          <MenuItem icon={FolderOpen} onSelect={() => pick('folder')}>
            {t('library.upload.folder')}
          </MenuItem>
        </>
      }
    >
      <Button look="solid" icon={Plus} className="min-h-10.5 px-4 text-base">
        {t('library.upload')}
      </Button>
    </Menu>
  );
}
