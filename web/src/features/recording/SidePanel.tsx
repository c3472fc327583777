import { Tabs } from 'radix-ui';
import { type ReactNode, useSyncExternalStore } from 'react';
import { LANGUAGES, language, useT } from '@/i18n';
import { Dialog } from '@/ui/Dialog';

export type Panel = 'details' | 'comments' | 'history';
const PANELS: readonly Panel[] = ['details', 'comments', 'history'];

const wide = () => window.matchMedia('(min-width: 80rem)');

function useWide(): boolean {
  return useSyncExternalStore(
    (listener) => {
      const query = wide();
      query.addEventListener('change', listener);
      return () => query.removeEventListener('change', listener);
    },
    () => wide().matches,
  );
}

interface SidePanelProps {
  panel: Panel;
  onPanel: (panel: Panel) => void;
  contents: Record<Panel, ReactNode>;
  /** How many open comments there are. */
  comments: number;
}

/** Beside the text where there is room. Elsewhere the details are below it, and the rest lies over it. */
export function SidePanel({ panel, onPanel, contents, comments }: SidePanelProps) {
  const t = useT();
  if (!useWide()) {
    return (
      <>
        {contents.details}
        <Dialog open={panel !== 'details'} title={t(`panel.${panel}`)} onClose={() => onPanel('details')}>
          {contents[panel]}
        </Dialog>
      </>
    );
  }
  return (
    <Tabs.Root
      value={panel}
      onValueChange={(value) => onPanel(value as Panel)}
      dir={LANGUAGES[language()].direction}
      className="sticky top-4 flex max-h-[calc(100dvh-8rem)] flex-col self-start"
    >
      <Tabs.List aria-label={t('panel.label')} className="mb-4 flex gap-1 rounded-lg bg-sunken p-1">
        {PANELS.map((each) => (
          <Tabs.Trigger
            key={each}
            value={each}
            className="min-h-8 pointer-coarse:min-h-11 grow rounded-md px-2 text-sm font-medium text-ink-soft transition-colors hover:text-ink data-[state=active]:bg-surface data-[state=active]:text-ink data-[state=active]:shadow-1"
          >
            {t(`panel.${each}`)}
            {each === 'comments' && comments > 0 && (
              <span className="tabular ms-1.5 rounded-full bg-amber-soft px-1.5 text-xs text-amber-ink">
                {comments}
              </span>
            )}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      <Tabs.Content value={panel} className="-mx-2 min-h-0 overflow-y-auto px-2 pb-2">
        {contents[panel]}
      </Tabs.Content>
    </Tabs.Root>
  );
}
