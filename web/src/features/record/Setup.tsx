import { useQuery } from '@tanstack/react-query';
import { AppWindow, Layers, Mic } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { meQuery } from '@/api/queries';
import { type MessageKey, useT } from '@/i18n';
import { cx } from '@/ui/classes';
import { Select } from '@/ui/Field';
import { Message } from '@/ui/Message';
import { preferences } from '@/ui/preferences';
import { hasTabs, type Obstacle, type Source, standingObstacle } from './capture';
import { lastSource, recorder } from './recorder';
import { useMicrophones, useRecorder } from './useRecorder';

const SOURCES: { source: Source; icon: typeof Mic; name: MessageKey; text: MessageKey }[] = [
  {
    source: 'microphone',
    icon: Mic,
    name: 'record.source.microphone',
    text: 'record.source.microphone.text',
  },
  { source: 'tab', icon: AppWindow, name: 'record.source.tab', text: 'record.source.tab.text' },
  { source: 'both', icon: Layers, name: 'record.source.both', text: 'record.source.both.text' },
];

/** Before it starts: what to record from, and the one big button. */
export function Setup() {
  const t = useT();
  const me = useQuery(meQuery).data;
  const { phase, obstacle } = useRecorder();
  const [source, setSource] = useState<Source>(lastSource().source);
  const [device, setDevice] = useState(lastSource().deviceId ?? '');
  const devices = useMicrophones(phase);
  const standing = standingObstacle();
  const tabs = hasTabs();
  const wanted = tabs ? source : 'microphone';
  const listed = devices.some((each) => each.deviceId === device) ? device : '';

  function choose(next: Source): void {
    setSource(next);
    preferences.change({ source: next });
  }

  return (
    <section
      aria-label={t('record.title')}
      className="card grid justify-items-center gap-7 px-5 py-10 sm:px-8"
    >
      {tabs && standing === null && (
        <fieldset className="grid w-full max-w-2xl gap-3 sm:grid-cols-3">
          <legend className="sr-only">{t('record.source')}</legend>
          {SOURCES.map(({ source: each, icon: Icon, name, text }) => (
            <label
              key={each}
              className={cx(
                'relative flex cursor-pointer items-start gap-3 rounded-lg border p-3.5 transition-colors sm:flex-col',
                'has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent',
                wanted === each ? 'border-accent bg-accent-soft' : 'border-line-strong hover:bg-raised',
              )}
            >
              <input
                type="radio"
                name="source"
                className="absolute size-0 opacity-0"
                checked={wanted === each}
                onChange={() => choose(each)}
              />
              <Icon
                aria-hidden
                className={cx('size-5 shrink-0', wanted === each ? 'text-accent-strong' : 'text-ink-soft')}
              />
              <span className="grid gap-0.5">
                <span className="text-sm font-medium">{t(name)}</span>
                <span className="text-xs text-ink-soft">{t(text)}</span>
              </span>
            </label>
          ))}
        </fieldset>
      )}
      <StartButton
        disabled={standing !== null || phase === 'asking' || me === undefined}
        onClick={() => me && void recorder.start(me.id, wanted, listed || null)}
      />
      <p className="-mt-2 max-w-md text-center text-sm text-ink-soft">
        {t(phase === 'asking' ? 'record.asking' : 'record.start.text')}
      </p>
      {wanted !== 'tab' && devices.length > 1 && (
        <Select
          label={t('record.device')}
          value={listed}
          className="max-w-full sm:max-w-sm"
          onChange={(event) => {
            setDevice(event.target.value);
            preferences.change({ microphone: event.target.value });
          }}
        >
          <option value="">{t('record.device.default')}</option>
          {devices
            .filter((each) => each.deviceId !== 'default')
            .map((each) => (
              <option key={each.deviceId} value={each.deviceId}>
                {each.label}
              </option>
            ))}
        </Select>
      )}
      <Trouble obstacle={standing ?? obstacle} />
    </section>
  );
}

function StartButton({ disabled, onClick }: { disabled: boolean; onClick: () => void }) {
  const t = useT();
  return (
    <button
      type="button"
      aria-label={t('record.start')}
      disabled={disabled}
      onClick={onClick}
      className="group grid size-32 place-items-center rounded-full border border-line-strong bg-surface shadow-2 transition-transform duration-150 hover:scale-[1.03] active:scale-95 disabled:opacity-50"
    >
      <span className="grid size-24 place-items-center rounded-full bg-danger text-paper transition-opacity group-hover:opacity-90">
        <Mic aria-hidden className="size-10" />
      </span>
    </button>
  );
}

const SENTENCES: Record<Obstacle, MessageKey> = {
  insecure: 'record.trouble.insecure',
  unsupported: 'record.trouble.unsupported',
  refused: 'record.trouble.refused',
  missing: 'record.trouble.missing',
  taken: 'record.trouble.taken',
  'tab.refused': 'record.trouble.tab.refused',
  'tab.silent': 'record.trouble.tab.silent',
  unmixed: 'record.trouble.unmixed',
  unknown: 'record.trouble.unknown',
};

function Trouble({ obstacle }: { obstacle: Obstacle | null }): ReactNode {
  const t = useT();
  if (obstacle === null) return null;
  return (
    <div className="w-full max-w-2xl">
      <Message kind="bad">{t(SENTENCES[obstacle], { address: window.location.host })}</Message>
    </div>
  );
}
