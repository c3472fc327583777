import { useInfiniteQuery } from '@tanstack/react-query';
import { api, told } from '@/api/client';
import { deed, language, useT } from '@/i18n';
import { Button } from '@/ui/Button';
import { wholeMoment } from '@/ui/format';
import { Message } from '@/ui/Message';
import { Section } from '@/ui/Section';
import { sentence } from '@/ui/sentence';

const PAGE = 50;

/** What somebody did, and what was done to them and theirs. */
export function Activity() {
  const t = useT();
  const found = useInfiniteQuery({
    queryKey: ['activity'],
    initialPageParam: null as number | null,
    queryFn: ({ pageParam }) => {
      const query = { limit: PAGE, ...(pageParam === null ? {} : { before: pageParam }) };
      return told(api.GET('/api/v1/me/activity', { params: { query } }));
    },
    getNextPageParam: (last) => last.next,
  });
  const entries = found.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Section title={t('settings.activity')} text={t('activity.text')}>
      {found.error && <Message kind="bad">{sentence(found.error)}</Message>}
      <ul className="divide-y divide-line">
        {entries.map(({ seq, at, action, actor }) => (
          <li key={seq} className="flex flex-wrap items-baseline justify-between gap-x-4 py-2 text-sm">
            <span className="font-medium" title={action}>
              {deed(action)}
            </span>
            <span className="text-xs text-ink-faint">
              <bdi>{actor.user ?? t(`audit.kind.${actor.kind}`)}</bdi>
              {actor.kind === 'key' && actor.name && (
                <>
                  {' · '}
                  {t('audit.by.key', { name: actor.name })}
                </>
              )}
              {actor.address && <bdi dir="ltr"> · {actor.address}</bdi>}
              {' · '}
              <time dateTime={at}>{wholeMoment(at, language())}</time>
            </span>
          </li>
        ))}
      </ul>
      {found.hasNextPage && (
        <Button className="mt-4" busy={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          {t('page.older')}
        </Button>
      )}
    </Section>
  );
}
