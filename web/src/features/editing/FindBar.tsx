import { ArrowDown, ArrowUp, CaseSensitive, Search, WholeWord, X } from 'lucide-react';
import { type KeyboardEvent, useEffect, useRef } from 'react';
import { useT } from '@/i18n';
import { Button, IconButton } from '@/ui/Button';
import { cx } from '@/ui/classes';
import type { Find } from './useFind';

interface FindBarProps {
  find: Find;
  editable: boolean;
  /** Grows with each time that it is asked for, so that the field has the focus again. */
  asked: number;
}

const INPUT =
  'min-h-9 pointer-coarse:min-h-11 w-full min-w-0 rounded-md border border-control bg-surface px-2.5 text-sm text-ink placeholder:text-ink-faint';

/** Find, and replace: it stays above the text. */
export function FindBar({ find, editable, asked }: FindBarProps) {
  const t = useT();
  const field = useRef<HTMLInputElement>(null);
  const { wanted, found } = find;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each time that it is asked for
  useEffect(() => field.current?.select(), [asked]);

  function press(event: KeyboardEvent): void {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Escape') find.show(false);
    else if (event.key === 'Enter' && event.target instanceof HTMLInputElement) {
      const replaces = event.target !== field.current && !event.ctrlKey && !event.metaKey;
      if (replaces) find.replaceOne();
      else find.go(event.shiftKey ? -1 : 1);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** What then has nothing left to do must not take the focus with it. */
  function all(): void {
    field.current?.focus();
    find.replaceAll();
  }

  const count =
    wanted.find === ''
      ? ''
      : found.length === 0
        ? t('editing.find.none')
        : t('editing.find.count', { at: find.at + 1, n: found.length });
  return (
    <search
      aria-label={t('editing.find')}
      onKeyDown={press}
      className="glass sticky top-2 z-30 mb-2 grid animate-rise gap-2 rounded-xl p-2.5 shadow-2"
    >
      <div className="flex flex-wrap items-center gap-1.5">
        <div className="relative min-w-40 grow basis-52">
          <Search aria-hidden className="absolute inset-y-0 start-2.5 my-auto size-4 text-ink-faint" />
          <input
            ref={field}
            value={wanted.find}
            aria-label={t('editing.find.label')}
            placeholder={t('editing.find.label')}
            autoComplete="off"
            maxLength={1000}
            onChange={(event) => find.want({ find: event.target.value })}
            className={cx(INPUT, 'ps-8 pe-20')}
          />
          <span
            aria-live="polite"
            className="tabular pointer-events-none absolute inset-y-0 end-2.5 my-auto h-fit text-xs text-ink-soft"
          >
            {count}
          </span>
        </div>
        <div className="flex items-center">
          <IconButton icon={ArrowUp} label={t('editing.find.previous')} onClick={() => find.go(-1)} />
          <IconButton icon={ArrowDown} label={t('editing.find.next')} onClick={() => find.go(1)} />
          <IconButton
            icon={CaseSensitive}
            label={t('editing.find.case')}
            aria-pressed={wanted.matchCase}
            onClick={() => find.want({ matchCase: !wanted.matchCase })}
          />
          <IconButton
            icon={WholeWord}
            label={t('editing.find.words')}
            aria-pressed={wanted.wholeWords}
            onClick={() => find.want({ wholeWords: !wanted.wholeWords })}
          />
          <IconButton icon={X} label={t('editing.find.close')} onClick={() => find.show(false)} />
        </div>
      </div>
      {editable && (
        <div className="flex flex-wrap items-center gap-1.5">
          <input
            value={find.by}
            aria-label={t('editing.find.replace')}
            placeholder={t('editing.find.replace')}
            autoComplete="off"
            maxLength={1000}
            onChange={(event) => find.replaceBy(event.target.value)}
            className={cx(INPUT, 'grow basis-40')}
          />
          <Button onClick={find.replaceOne} disabled={found.length === 0}>
            {t('editing.find.one')}
          </Button>
          <Button onClick={all} disabled={found.length === 0}>
            {t('editing.find.all')}
          </Button>
        </div>
      )}
    </search>
  );
}
