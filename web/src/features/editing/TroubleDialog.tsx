import { useState } from 'react';
import type { Change, TwoTexts } from '@/api/types';
import { useT } from '@/i18n';
import { Button } from '@/ui/Button';
import { cx } from '@/ui/classes';
import { Dialog } from '@/ui/Dialog';
import { touched } from './changes';
import type { Choice } from './conflict';
import type { Desk, Trouble } from './desk';
import type { Entry } from './shelf';
import { merge } from './text';

interface TroubleProps {
  trouble: Trouble;
  desk: Desk;
  /** Told where it was, for where one typed is no more when it is over. */
  onSettled: (segment: number) => void;
}

/** What keeps an edit from being made, and what to do about it. */
export function TroubleDialog({ trouble, desk, onSettled }: TroubleProps) {
  const t = useT();
  if (trouble.kind === 'conflict') {
    const { entry, conflicts } = trouble;
    return <Conflict key={entry.key} desk={desk} entry={entry} conflicts={conflicts} onSettled={onSettled} />;
  }
  const texts = (trouble.entry.changes ?? []).flatMap((change) => ('text' in change ? [change.text] : []));
  return (
    <Dialog open title={t('editing.refused.title')} onClose={() => undefined} closable={false}>
      <p className="text-ink-soft">{trouble.message}</p>
      {texts.length > 0 && (
        <>
          <p className="mt-4 mb-1.5 text-sm font-medium">{t('editing.refused.text')}</p>
          {texts.map((text) => (
            <p key={text} dir="auto" className="rounded-md bg-sunken p-3 select-all">
              {text}
            </p>
          ))}
        </>
      )}
      <div className="mt-6 flex justify-end">
        <Button
          look="solid"
          onClick={() => {
            desk.drop();
            const [segment] = (trouble.entry.changes ?? []).flatMap(touched);
            if (segment !== undefined) onSettled(segment);
          }}
        >
          {t('editing.refused.drop')}
        </Button>
      </div>
    </Dialog>
  );
}

interface ConflictProps {
  desk: Desk;
  entry: Entry;
  conflicts: readonly TwoTexts[];
  onSettled: (segment: number) => void;
}

function Conflict({ desk, entry, conflicts, onSettled }: ConflictProps) {
  const t = useT();
  const [choices, setChoices] = useState<ReadonlyMap<number, Choice>>(
    () => new Map(conflicts.map((each) => [each.segment, proposal(entry, each)])),
  );
  return (
    // Closing it chooses nothing: it is asked again, for the edits behind it wait.
    <Dialog open wide title={t('editing.conflict.title')} onClose={() => undefined} closable={false}>
      <p className="text-ink-soft">{t('editing.conflict.text')}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          desk.resolve(choices);
          if (conflicts[0]) onSettled(conflicts[0].segment);
        }}
      >
        {conflicts.map((each) => (
          <Sides
            key={each.segment}
            entry={entry}
            conflict={each}
            choice={choices.get(each.segment) ?? 'theirs'}
            onChoose={(choice) => setChoices(new Map(choices).set(each.segment, choice))}
          />
        ))}
        <div className="mt-6 flex justify-end">
          <Button type="submit" look="solid">
            {t('editing.conflict.save')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function changeOf(entry: Entry, segment: number): Change | undefined {
  return entry.changes?.find((change) => touched(change).includes(segment));
}

function textOf(change: Change | undefined): string | null {
  return change?.op === 'text' ? change.text : null;
}

/** Both, where they can be put together without asking. */
function proposal(entry: Entry, { segment, theirs }: TwoTexts): Choice {
  const both = together(entry, segment, theirs);
  return both?.clean ? { text: both.text } : 'mine';
}

function together(entry: Entry, segment: number, theirs: string | null) {
  const mine = textOf(changeOf(entry, segment));
  const base = new Map(entry.was).get(segment)?.text;
  return mine !== null && theirs !== null && base !== undefined ? merge(base, mine, theirs) : null;
}

interface SidesProps {
  entry: Entry;
  conflict: TwoTexts;
  choice: Choice;
  onChoose: (choice: Choice) => void;
}

function Sides({ entry, conflict, choice, onChoose }: SidesProps) {
  const t = useT();
  const { segment, theirs } = conflict;
  const change = changeOf(entry, segment);
  const mine = textOf(change);
  const [both, setBoth] = useState(() => together(entry, segment, theirs)?.text ?? '');
  const chosen = typeof choice === 'object' ? 'both' : choice;
  const what = change && ['speaker', 'split', 'merge', 'delete'].includes(change.op) ? change.op : null;
  return (
    <fieldset className="mt-4 grid gap-2.5">
      <Side
        name={`conflict-${segment}`}
        label={t('editing.conflict.mine')}
        checked={chosen === 'mine'}
        onChoose={() => onChoose('mine')}
      >
        {mine ??
          (what && t('editing.conflict.change', { what: t(`editing.conflict.op.${what as 'split'}`) }))}
      </Side>
      <Side
        name={`conflict-${segment}`}
        label={t('editing.conflict.theirs')}
        checked={chosen === 'theirs'}
        onChoose={() => onChoose('theirs')}
      >
        {theirs ?? <em>{t('editing.conflict.gone')}</em>}
      </Side>
      {mine !== null && theirs !== null && (
        <Side
          name={`conflict-${segment}`}
          label={t('editing.conflict.both')}
          checked={chosen === 'both'}
          onChoose={() => onChoose({ text: both })}
        >
          <textarea
            dir="auto"
            aria-label={t('editing.conflict.both')}
            value={both}
            rows={3}
            onFocus={() => onChoose({ text: both })}
            onChange={(event) => {
              setBoth(event.target.value);
              onChoose({ text: event.target.value });
            }}
            className="field-sizing-content w-full resize-none rounded-md border border-control bg-surface px-2.5 py-1.5"
          />
        </Side>
      )}
    </fieldset>
  );
}

interface SideProps {
  name: string;
  label: string;
  checked: boolean;
  onChoose: () => void;
  children: React.ReactNode;
}

function Side({ name, label, checked, onChoose, children }: SideProps) {
  return (
    <label
      className={cx(
        'grid cursor-pointer grid-cols-[auto_1fr] items-start gap-x-3 gap-y-1 rounded-lg border p-3 transition-colors',
        checked ? 'border-accent bg-accent-soft/50' : 'border-line-strong hover:bg-raised',
      )}
    >
      <input type="radio" name={name} checked={checked} onChange={onChoose} className="mt-0.5 size-4" />
      <span className="text-sm font-semibold">{label}</span>
      <span dir="auto" className="col-start-2">
        {children}
      </span>
    </label>
  );
}
