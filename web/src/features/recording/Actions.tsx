import { useNavigate } from '@tanstack/react-router';
import {
  AlarmClock,
  Captions,
  CircleStop,
  Clipboard,
  Download,
  Ellipsis,
  FileAudio,
  FileJson,
  FileText,
  Link,
  Lock,
  LockOpen,
  type LucideIcon,
  RotateCcw,
  Share2,
  Table2,
  Tag,
  Trash2,
} from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import type { Result } from '@/api/types';
import { useDeeds } from '@/features/library/actions';
import { useT } from '@/i18n';
import { Button, IconButton } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Menu, MenuItem, MenuLine } from '@/ui/Menu';
import { preferences } from '@/ui/preferences';
import { exportAddress, FORMATS, type Format, lastFormat } from './exports';
import type { Copy } from './useCopy';

const TagDialog = lazy(() =>
  import('@/features/library/TagDialog').then((found) => ({ default: found.TagDialog })),
);
const ShareDialog = lazy(() =>
  import('@/features/sharing/ShareDialog').then((found) => ({ default: found.ShareDialog })),
);

interface ActionsProps {
  id: string;
  result: Result;
  copy: Copy;
}

const ICONS: Record<Format, LucideIcon> = {
  txt: FileText,
  srt: Captions,
  vtt: Captions,
  tsv: Table2,
  json: FileJson,
};

/** What can be done with a recording and its text. */
export function Actions({ id, result, copy }: ActionsProps) {
  const t = useT();
  const deeds = useDeeds();
  const navigate = useNavigate();
  const [doomed, setDoomed] = useState(false);
  const [tagging, setTagging] = useState(false);
  const [sharing, setSharing] = useState(false);
  const mine = result.access === 'owner';
  const active = result.status === 'queued' || result.status === 'running';
  const { media } = result.links;

  async function remove(): Promise<void> {
    setDoomed(false);
    await navigate({ to: '/' });
    await deeds.remove([id]);
  }

  return (
    <>
      {mine && <IconButton icon={Share2} label={t('share.open')} onClick={() => setSharing(true)} />}
      {result.transcript.segments.length > 0 && (
        <Menu
          items={
            <>
              <MenuItem icon={Clipboard} onSelect={() => void copy.text(false)}>
                {t('recording.copy')}
              </MenuItem>
              <MenuItem icon={AlarmClock} onSelect={() => void copy.text(true)}>
                {t('recording.copy.times')}
              </MenuItem>
              <MenuItem icon={Link} onSelect={() => void copy.quote()}>
                {t('editing.copy.link')}
              </MenuItem>
            </>
          }
        >
          <Button icon={Clipboard}>{t('action.copy')}</Button>
        </Menu>
      )}
      {result.status === 'completed' && (
        <Menu
          items={
            <>
              {FORMATS.map((format) => (
                <MenuItem
                  key={format}
                  icon={ICONS[format]}
                  href={exportAddress(id, format)}
                  download
                  onSelect={() => preferences.change({ exported: format })}
                  {...(format === lastFormat() ? { keys: 'D' } : {})}
                >
                  {t(`recording.export.${format}`)}
                </MenuItem>
              ))}
              {media && (
                <>
                  <MenuLine />
                  <MenuItem icon={FileAudio} href={media} download>
                    {t('recording.download')}
                  </MenuItem>
                </>
              )}
            </>
          }
        >
          <Button look="solid" icon={Download}>
            {t('recording.export')}
          </Button>
        </Menu>
      )}
      <Menu
        items={
          <>
            {active && (
              <MenuItem icon={CircleStop} onSelect={() => void deeds.cancel([id])}>
                {t('recording.stop')}
              </MenuItem>
            )}
            {!active && media && (
              <MenuItem icon={RotateCcw} onSelect={() => void deeds.retry([id])}>
                {t('recording.again')}
              </MenuItem>
            )}
            {result.access !== 'viewer' && (
              <MenuItem icon={Tag} onSelect={() => setTagging(true)}>
                {t('tags.open')}
              </MenuItem>
            )}
            {mine && (
              <MenuItem
                icon={result.held ? LockOpen : Lock}
                onSelect={() => void deeds.hold(id, !result.held)}
              >
                {t(result.held ? 'hold.release' : 'hold.put')}
              </MenuItem>
            )}
            {mine && !result.held && (
              <MenuItem icon={Trash2} danger onSelect={() => setDoomed(true)}>
                {t('action.delete')}
              </MenuItem>
            )}
          </>
        }
      >
        <IconButton icon={Ellipsis} label={t('action.more', { title: result.title })} />
      </Menu>
      <Suspense>
        {tagging && (
          <TagDialog recordings={[{ session_id: id, tags: result.tags }]} onClose={() => setTagging(false)} />
        )}
        {sharing && <ShareDialog id={id} title={result.title} onClose={() => setSharing(false)} />}
      </Suspense>
      <Dialog open={doomed} title={t('library.delete.title', { n: 1 })} onClose={() => setDoomed(false)}>
        <p className="text-ink-soft">{t('library.delete.text')}</p>
        <div className="mt-6 flex justify-end gap-2">
          <Button onClick={() => setDoomed(false)}>{t('action.cancel')}</Button>
          <Button look="danger" icon={Trash2} onClick={() => void remove()}>
            {t('action.delete')}
          </Button>
        </div>
      </Dialog>
    </>
  );
}
