import { Download, HardDriveDownload, Trash2, X } from 'lucide-react';
import { api, told } from '@/api/client';
import { useDeed } from '@/api/useDeed';
import { language, t } from '@/i18n';
import { Badge } from '@/ui/Badge';
import { Button, IconButton } from '@/ui/Button';
import { percent, size } from '@/ui/format';
import { Message } from '@/ui/Message';
import { Progress } from '@/ui/Progress';
import { type LocalModel, modelsQuery } from './queries';

interface ModelRowProps {
  model: LocalModel;
  downloads: boolean;
  onRemove: () => void;
}

/** A model: what it is good for, and the way to get it or to be rid of it. */
export function ModelRow({ model, downloads, onRemove }: ModelRowProps) {
  const deed = useDeed(modelsQuery.queryKey);
  const { name, state } = model;
  const path = { params: { path: { name } } };
  const facts = [
    model.languages ? t(`models.languages.${model.languages}`) : null,
    model.speed ? t(`models.speed.${model.speed}`) : null,
    state === 'present'
      ? size(model.bytes, language())
      : model.megabytes
        ? size(model.megabytes * 1e6, language())
        : null,
    model.source === 'cache' ? t('models.cache') : null,
  ].filter((fact) => fact !== null);
  return (
    <li className="py-3" data-model={name}>
      <div className="flex items-center gap-3">
        <Accuracy value={model.accuracy} />
        <div className="min-w-0 grow">
          <p className="flex flex-wrap items-center gap-2 font-medium">
            <bdi>{name}</bdi>
            {model.default && <Badge tone="accent">{t('models.default')}</Badge>}
          </p>
          <p className="tabular text-sm text-ink-faint">{facts.join(' · ')}</p>
        </div>
        {state === 'present' && model.source === 'models' && (
          <IconButton icon={Trash2} label={t('models.remove.of', { name })} onClick={onRemove} />
        )}
        {state === 'fetching' && (
          <IconButton
            icon={X}
            label={t('models.stop', { name })}
            disabled={deed.busy}
            onClick={() =>
              void deed.run(() => told(api.DELETE('/api/v1/admin/models/{name}/download', path)))
            }
          />
        )}
        {(state === 'absent' || state === 'failed') && (
          <>
            {model.bytes > 0 && (
              <IconButton icon={Trash2} label={t('models.forget', { name })} onClick={onRemove} />
            )}
            {downloads && (
              <Button
                icon={state === 'failed' || model.bytes > 0 ? HardDriveDownload : Download}
                busy={deed.busy}
                onClick={() =>
                  void deed.run(() => told(api.POST('/api/v1/admin/models/{name}/download', path)))
                }
              >
                {t(state === 'failed' ? 'action.retry' : model.bytes > 0 ? 'models.goOn' : 'models.download')}
                <span className="sr-only">{name}</span>
              </Button>
            )}
          </>
        )}
      </div>
      {state === 'fetching' && <Arriving model={model} />}
      {state === 'failed' && model.download?.error && (
        <div className="mt-2.5">
          <Message kind="bad">
            <span dir="auto">{model.download.error}</span>
          </Message>
        </div>
      )}
      {state !== 'present' && state !== 'fetching' && model.bytes > 0 && (
        <p className="mt-1.5 text-xs text-ink-faint">
          {t('models.partial', { size: size(model.bytes, language()) })}
        </p>
      )}
    </li>
  );
}

function Arriving({ model }: { model: LocalModel }) {
  const { done = 0, total = null } = model.download ?? {};
  const share = total ? done / total : null;
  return (
    <div className="mt-2.5 flex items-center gap-3">
      <Progress share={share} label={t('models.arriving', { name: model.name })} className="grow" />
      <p className="tabular shrink-0 text-sm text-ink-soft">
        {total
          ? `${percent(share ?? 0, language())} · ${size(done, language())} / ${size(total, language())}`
          : t('models.asking')}
      </p>
    </div>
  );
}

/** Five bars, as of a signal: how well it hears. */
function Accuracy({ value }: { value: number | null }) {
  const level = value === null ? 0 : Math.max(1, Math.round(value / 20));
  return (
    <span
      role="img"
      aria-label={value === null ? t('models.accuracy.unknown') : t('models.accuracy', { n: level })}
      title={value === null ? t('models.accuracy.unknown') : t('models.accuracy', { n: level })}
      className="flex h-7 w-8 shrink-0 items-end gap-0.75"
    >
      {[1, 2, 3, 4, 5].map((bar) => (
        <span
          key={bar}
          className={bar <= level ? 'w-1 rounded-full bg-accent' : 'w-1 rounded-full bg-line-strong'}
          style={{ height: `${20 + bar * 16}%` }}
        />
      ))}
    </span>
  );
}
