import { deed, language, t } from '@/i18n';
import { exactMoment } from '@/ui/format';
import type { AuditSearch } from './audit';
import type { Entry } from './queries';

interface AuditRowProps {
  entry: Entry;
  onPick: (wanted: AuditSearch) => void;
}

/** One deed. Who, what and to what are ways to all that is like it. */
export function AuditRow({ entry, onPick }: AuditRowProps) {
  const { actor, action, target } = entry;
  const details = Object.entries(entry.details).filter(([, value]) => value !== null);
  const who = actor.user ?? actor.name ?? t(`audit.kind.${actor.kind}`);
  return (
    <div className="flex flex-wrap items-baseline gap-x-4 gap-y-0.5 px-4 py-2 text-sm">
      <time dateTime={entry.at} className="tabular w-36 shrink-0 text-xs text-ink-faint">
        {exactMoment(entry.at, language())}
      </time>
      <button
        type="button"
        className="w-56 shrink-0 truncate text-start font-medium hover:text-accent hover:underline"
        title={t('audit.only', { what: action })}
        onClick={() => onPick({ action })}
      >
        {deed(action)}
      </button>
      <p className="min-w-0 grow basis-60">
        <button
          type="button"
          className="max-w-full truncate text-start hover:text-accent hover:underline"
          title={t('audit.only', { what: who })}
          onClick={() => onPick({ actor: actor.user_id ?? actor.kind })}
        >
          <bdi>{who}</bdi>
        </button>
        <span className="text-xs text-ink-faint">
          {actor.kind === 'key' && actor.name && (
            <>
              {' · '}
              {t('audit.by.key', { name: actor.name })}
            </>
          )}
          {actor.address && <bdi dir="ltr"> · {actor.address}</bdi>}
        </span>
        {(target || details.length > 0) && (
          <span className="block truncate text-xs text-ink-faint" dir="auto">
            {target && (
              <button
                type="button"
                className="hover:text-accent hover:underline"
                title={t('audit.only', { what: target })}
                onClick={() => onPick({ target })}
              >
                {target.length > 20 ? `…${target.slice(-12)}` : target}
              </button>
            )}
            {details.map(([name, value]) => (
              <bdi key={name}>
                {' '}
                {name}={typeof value === 'string' ? value : JSON.stringify(value)}
              </bdi>
            ))}
          </span>
        )}
      </p>
    </div>
  );
}
