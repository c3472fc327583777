import { Link } from '@tanstack/react-router';
import {
  ArrowLeft,
  ArrowRight,
  History,
  Keyboard,
  MessageSquareText,
  Redo2,
  TextSearch,
  Undo2,
} from 'lucide-react';
import type { ReactNode } from 'react';
import type { Result } from '@/api/types';
import type { Desk, DeskState } from '@/features/editing/desk';
import { SaveState } from '@/features/editing/SaveState';
import { StatusChip } from '@/features/library/StatusChip';
import { LANGUAGES, language, useT } from '@/i18n';
import { IconButton } from '@/ui/Button';
import { wholeMoment } from '@/ui/format';
import type { Panel } from './SidePanel';
import { Title } from './Title';

interface HeaderProps {
  result: Result;
  /** Null for those who may only read. */
  desk: Desk | null;
  state: DeskState | null;
  searchable: boolean;
  onFind: () => void;
  onPanel: (panel: Panel) => void;
  onKeys: () => void;
  children: ReactNode;
}

/** What the recording is, and what can be done on the page. */
export function Header({ result, desk, state, searchable, onFind, onPanel, onKeys, children }: HeaderProps) {
  const t = useT();
  const Back = LANGUAGES[language()].direction === 'rtl' ? ArrowRight : ArrowLeft;
  return (
    <>
      <Link
        to="/"
        className="mb-3 inline-flex items-center gap-1.5 rounded-sm text-sm pointer-coarse:mb-0 pointer-coarse:min-h-11 font-medium text-ink-soft hover:text-ink"
      >
        <Back aria-hidden className="size-4" />
        {t('nav.library')}
      </Link>
      <header className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
        <div className="min-w-0">
          <Title id={result.session_id} title={result.title} mayWrite={result.access !== 'viewer'} />
          <p className="mt-1 flex flex-wrap items-center gap-x-3 gap-y-1 text-sm text-ink-faint">
            <StatusChip status={result.status} small />
            <time dateTime={result.created_at}>{wholeMoment(result.created_at, language())}</time>
            {state && <SaveState state={state} touched={state.canUndo || state.canRedo} />}
          </p>
        </div>
        <div className="flex flex-wrap items-center gap-x-1.5 gap-y-2">
          {desk && state && (
            <>
              <IconButton
                icon={Undo2}
                label={t('editing.undo')}
                disabled={!state.canUndo}
                onClick={() => desk.undo()}
              />
              <IconButton
                icon={Redo2}
                label={t('editing.redo')}
                disabled={!state.canRedo}
                onClick={() => desk.redo()}
              />
            </>
          )}
          {searchable && (
            <>
              <IconButton icon={TextSearch} label={t('editing.find')} onClick={onFind} />
              <IconButton
                icon={MessageSquareText}
                label={t('panel.comments')}
                className="xl:hidden"
                onClick={() => onPanel('comments')}
              />
              <IconButton
                icon={History}
                label={t('panel.history')}
                className="xl:hidden"
                onClick={() => onPanel('history')}
              />
            </>
          )}
          <IconButton icon={Keyboard} label={t('keyboard.open')} onClick={onKeys} />
          {children}
        </div>
      </header>
    </>
  );
}
