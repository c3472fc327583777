import { RotateCcw, Tag, Trash2, X } from 'lucide-react';
import type { Recording } from '@/api/types';
import { useT } from '@/i18n';
import { Button, IconButton } from '@/ui/Button';

interface SelectionBarProps {
  count: number;
  /** Those of them that are here. */
  chosen: readonly Recording[];
  onRetry: (ids: string[]) => void;
  onTag: (recordings: Recording[]) => void;
  onDelete: (ids: string[]) => void;
  onClear: () => void;
}

/** What can be done with all that are selected. It lies below the list, so that no row moves as it comes. */
export function SelectionBar({ count, chosen, onRetry, onTag, onDelete, onClear }: SelectionBarProps) {
  const t = useT();
  const ids = (recordings: readonly Recording[]) => recordings.map((item) => item.session_id);
  const taggable = chosen.filter((item) => item.access !== 'viewer');
  const deletable = chosen.filter((item) => item.access === 'owner' && !item.held);
  const retriable = taggable.filter(
    (item) => item.media_removed_at === null && !['queued', 'running'].includes(item.status),
  );
  return (
    <div
      role="toolbar"
      aria-label={t('library.selected', { n: count })}
      className="glass sticky bottom-[calc(4.5rem+env(safe-area-inset-bottom))] z-20 mt-3 flex animate-rise flex-wrap items-center gap-2 rounded-lg px-3 py-2 shadow-3 md:bottom-4"
    >
      <p className="me-auto px-1 text-sm font-medium">{t('library.selected', { n: count })}</p>
      <Button icon={RotateCcw} disabled={retriable.length === 0} onClick={() => onRetry(ids(retriable))}>
        {t('action.retry')}
      </Button>
      <Button icon={Tag} disabled={taggable.length === 0} onClick={() => onTag(taggable)}>
        {t('tags.open')}
      </Button>
      <Button icon={Trash2} disabled={deletable.length === 0} onClick={() => onDelete(ids(deletable))}>
        {t('action.delete')}
      </Button>
      <IconButton icon={X} label={t('library.select.none')} onClick={onClear} />
    </div>
  );
}
