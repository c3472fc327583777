import { Popover } from 'radix-ui';
import { useMemo, useRef, useState } from 'react';
import type { Segment } from '@/api/types';
import { type Names, speakerName } from '@/features/recording/speakers';
import type { Voice } from '@/features/recording/timeline';
import { LANGUAGES, language, useT } from '@/i18n';
import { Button } from '@/ui/Button';
import type { Desk } from './desk';
import type { Asking } from './hands';
import { assigned, renamed } from './speakers';

interface PickerProps {
  asking: Asking;
  desk: Desk;
  segments: readonly Segment[];
  voices: readonly Voice[];
  names: Names;
  /** Whether it is about a selection, where nothing can be meant everywhere. */
  selection: boolean;
  onClose: () => void;
}

/** Who speaks: another name everywhere, or somebody else here. */
export function SpeakerPicker({ asking, desk, segments, voices, names, selection, onClose }: PickerProps) {
  const t = useT();
  const speaker = useMemo(
    () => segments.find(({ id }) => id === asking.ids[0])?.speaker ?? null,
    [segments, asking.ids],
  );
  const now = speakerName(speaker, names);
  const [name, setName] = useState(selection ? '' : (now ?? ''));
  const anchor = useRef(asking.element);
  const typed = name.trim();
  const others = voices.filter((voice) => voice.speaker !== null && (selection || voice.speaker !== speaker));
  const everywhere = () => done(renamed(segments, names, speaker, typed));
  const here = (label: string | null) => done(assigned(segments, names, asking.ids, label));

  function done(changes: Parameters<Desk['edit']>[0]): void {
    desk.edit(changes);
    onClose();
  }

  return (
    <Popover.Root open onOpenChange={(open) => open || onClose()}>
      <Popover.Anchor virtualRef={anchor} />
      <Popover.Portal>
        <Popover.Content
          align="start"
          sideOffset={6}
          collisionPadding={12}
          dir={LANGUAGES[language()].direction}
          aria-label={t('editing.speaker.title')}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            anchor.current?.focus?.();
          }}
          className="z-50 w-72 animate-rise rounded-lg border border-line bg-surface p-3 shadow-3"
        >
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (typed === '') return;
              if (selection) here(typed);
              else everywhere();
            }}
          >
            <label className="grid gap-1.5 text-sm font-medium">
              {t('editing.speaker.title')}
              <input
                // biome-ignore lint/a11y/noAutofocus: it is what the popover was opened for
                autoFocus
                value={name}
                maxLength={100}
                autoComplete="off"
                aria-label={t('editing.speaker.name')}
                placeholder={t('editing.speaker.name')}
                onFocus={(event) => event.target.select()}
                onChange={(event) => setName(event.target.value)}
                onKeyDown={(event) => {
                  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || typed === '') return;
                  event.preventDefault();
                  here(typed);
                }}
                className="min-h-9.5 pointer-coarse:min-h-11 w-full rounded-md border border-control bg-surface px-2.5 text-base font-normal text-ink placeholder:text-ink-faint"
              />
            </label>
            <div className="mt-2 flex gap-2">
              {!selection && (
                <Button type="submit" look="solid" disabled={typed === ''} className="grow">
                  {t('editing.speaker.everywhere')}
                </Button>
              )}
              <Button
                look={selection ? 'solid' : 'soft'}
                type={selection ? 'submit' : 'button'}
                disabled={typed === ''}
                {...(selection ? {} : { onClick: () => here(typed) })}
                className="grow"
              >
                {t('editing.speaker.here')}
              </Button>
            </div>
          </form>
          {(others.length > 0 || speaker !== null) && (
            <div className="mt-3 border-t border-line pt-2">
              <p className="px-2 pb-1 text-xs font-semibold text-ink-faint">{t('editing.speaker.others')}</p>
              <ul className="max-h-52 overflow-y-auto">
                {others.map((voice) => (
                  <li key={voice.speaker}>
                    <Pick
                      name={speakerName(voice.speaker, names) ?? ''}
                      colour={`var(--voice-${voice.number})`}
                      onPick={() => here(voice.speaker)}
                    />
                  </li>
                ))}
                {speaker !== null && (
                  <li>
                    <Pick name={t('editing.speaker.nobody')} colour="var(--wave)" onPick={() => here(null)} />
                  </li>
                )}
              </ul>
            </div>
          )}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function Pick({ name, colour, onPick }: { name: string; colour: string; onPick: () => void }) {
  return (
    <button
      type="button"
      onClick={onPick}
      className="flex min-h-9 pointer-coarse:min-h-11 w-full items-center gap-2.5 rounded-md px-2 text-start text-sm hover:bg-raised focus-visible:bg-raised"
    >
      <span aria-hidden className="size-2.5 shrink-0 rounded-full" style={{ background: colour }} />
      <bdi className="truncate">{name}</bdi>
    </button>
  );
}
