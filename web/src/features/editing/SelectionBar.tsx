import { Clipboard, Merge, Trash2, UserRound, X } from 'lucide-react';
import { useRef } from 'react';
import type { Segment } from '@/api/types';
import { useT } from '@/i18n';
import { Button, IconButton } from '@/ui/Button';
import type { Desk } from './desk';
import { type Hands, merging } from './hands';

interface SelectionBarProps {
  segments: readonly Segment[];
  selected: ReadonlySet<number>;
  desk: Desk | null;
  hands: Hands;
  onCopy: () => void;
  onClear: () => void;
}

/** What can be done with the segments that are chosen. */
export function SelectionBar({ segments, selected, desk, hands, onCopy, onClear }: SelectionBarProps) {
  const t = useT();
  const speaker = useRef<HTMLButtonElement>(null);
  const places = segments.flatMap(({ id }, index) => (selected.has(id) ? [index] : []));
  const ids = places.map((place) => segments[place]?.id as number);
  const [first, ...rest] = ids;
  const together = (places.at(-1) ?? 0) - (places[0] ?? 0) === places.length - 1;
  return (
    <div
      role="toolbar"
      aria-label={t('editing.selected', { n: ids.length })}
      className="glass mx-auto flex w-fit max-w-[calc(100vw-1.5rem)] animate-rise flex-wrap items-center justify-center gap-1.5 rounded-xl px-3 py-2 shadow-3"
    >
      <span aria-live="polite" className="tabular px-1 text-sm font-medium">
        {t('editing.selected', { n: ids.length })}
      </span>
      {desk && first !== undefined && (
        <>
          <Button
            ref={speaker}
            look="plain"
            icon={UserRound}
            onClick={(event) => hands.ask({ id: first, element: event.currentTarget }, ids)}
          >
            {t('editing.select.speaker')}
          </Button>
          {rest.length > 0 && (
            <Button
              look="plain"
              icon={Merge}
              disabled={!together}
              onClick={() => {
                desk.edit(rest.map((id) => merging(first, id)));
                onClear();
              }}
            >
              {t('editing.select.merge')}
            </Button>
          )}
        </>
      )}
      <Button look="plain" icon={Clipboard} onClick={onCopy}>
        {t('action.copy')}
      </Button>
      {desk && (
        <Button
          look="plain"
          icon={Trash2}
          className="text-danger hover:text-danger"
          onClick={() => hands.remove(ids)}
        >
          {t('action.delete')}
        </Button>
      )}
      <IconButton icon={X} label={t('editing.select.none')} onClick={onClear} />
    </div>
  );
}
