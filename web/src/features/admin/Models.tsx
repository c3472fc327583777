import { useQuery } from '@tanstack/react-query';
import { CircleCheck, CircleDashed } from 'lucide-react';
import { useState } from 'react';
import { api, told } from '@/api/client';
import { useDeed } from '@/api/useDeed';
import { language, useT } from '@/i18n';
import { Badge } from '@/ui/Badge';
import { Confirm } from '@/ui/Confirm';
import { size } from '@/ui/format';
import { Message } from '@/ui/Message';
import { Section } from '@/ui/Section';
import { sentence } from '@/ui/sentence';
import { ModelRow } from './ModelRow';
import { type LocalModel, type LocalModels, modelsQuery } from './queries';

/** The engines of this machine, and the models that they hear with. */
export function Models() {
  const t = useT();
  const models = useQuery(modelsQuery);
  const deed = useDeed(modelsQuery.queryKey);
  const [doomed, setDoomed] = useState<LocalModel | null>(null);
  if (models.error && !models.data) return <Message kind="bad">{sentence(models.error)}</Message>;
  if (!models.data) return null;
  const { items, downloads, free, folder } = models.data;
  const here = items.filter((model) => model.state === 'present' || model.state === 'fetching');
  const others = items.filter((model) => !here.includes(model));
  const row = (model: LocalModel) => (
    <ModelRow key={model.name} model={model} downloads={downloads} onRemove={() => setDoomed(model)} />
  );
  return (
    <>
      <Section title={t('models.here')}>
        <p className="mb-2 text-sm text-ink-soft">
          {t('models.folder', { free: size(free, language()) })}{' '}
          <code dir="ltr" className="text-xs break-all">
            {folder}
          </code>
        </p>
        {here.length === 0 && <Message kind="note">{t('models.none')}</Message>}
        <ul className="divide-y divide-line">{here.map(row)}</ul>
      </Section>
      <Section title={t('models.others')} text={t('models.others.text')}>
        {!downloads && <Message kind="note">{t('models.closed')}</Message>}
        <ul className="divide-y divide-line">{others.map(row)}</ul>
      </Section>
      <Engines engines={models.data.engines} />
      <Confirm
        open={doomed !== null}
        title={t('models.remove.title', { name: doomed?.name ?? '' })}
        text={
          <p>
            {t(doomed?.default ? 'models.remove.default' : 'models.remove.text', {
              size: size(doomed?.bytes ?? 0, language()),
            })}
          </p>
        }
        action={t('models.remove')}
        onClose={() => setDoomed(null)}
        onConfirm={() => {
          const path = { name: doomed?.name ?? '' };
          return deed.attempt(() => told(api.DELETE('/api/v1/admin/models/{name}', { params: { path } })));
        }}
      />
    </>
  );
}

function Engines({ engines }: { engines: LocalModels['engines'] }) {
  const t = useT();
  return (
    <Section title={t('engines.title')}>
      <ul className="divide-y divide-line">
        {engines.map((engine) => (
          <li key={engine.name} className="flex items-start gap-3 py-2.5">
            {engine.ready ? (
              <CircleCheck aria-label={t('engines.ready')} className="mt-0.5 size-4.5 shrink-0 text-good" />
            ) : (
              <CircleDashed
                aria-label={t('engines.absent')}
                className="mt-0.5 size-4.5 shrink-0 text-ink-faint"
              />
            )}
            <div className="min-w-0">
              <p className="flex flex-wrap items-center gap-2 font-medium">
                <bdi>{engine.name}</bdi>
                {engine.default && <Badge tone="accent">{t('engines.default')}</Badge>}
              </p>
              <p dir="auto" className="text-sm break-words text-ink-soft">
                {engine.detail}
              </p>
            </div>
          </li>
        ))}
      </ul>
    </Section>
  );
}
