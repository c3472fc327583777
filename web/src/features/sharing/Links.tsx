import { queryOptions, useQuery } from '@tanstack/react-query';
import { Copy, Link2 } from 'lucide-react';
import { useState } from 'react';
import { api, told } from '@/api/client';
import { useDeed } from '@/api/useDeed';
import { language, useT } from '@/i18n';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { copyText } from '@/ui/clipboard';
import { Choice } from '@/ui/Field';
import { moment } from '@/ui/format';
import { Message } from '@/ui/Message';
import { sentence } from '@/ui/sentence';
import { say } from '@/ui/Toast';
import { useForm } from '@/ui/useForm';
import { pageOf } from './links';

const DAYS = [1, 7, 30];
const DAY_MS = 24 * 3600 * 1000;

function linksQuery(id: string) {
  return queryOptions({
    queryKey: ['links', id],
    queryFn: () =>
      told(api.GET('/api/v1/transcribe/{session_id}/links', { params: { path: { session_id: id } } })),
  });
}

/** Links with which anybody can read it. */
export function Links({ id }: { id: string }) {
  const t = useT();
  const links = useQuery(linksQuery(id));
  const deed = useDeed(linksQuery(id).queryKey);
  const [made, setMade] = useState<string | null>(null);
  const { busy, error, onSubmit } = useForm(async (form) => {
    const days = Number(form.get('days'));
    const body = days > 0 ? { expires_at: new Date(Date.now() + days * DAY_MS).toISOString() } : {};
    const params = { path: { session_id: id } };
    const { link } = await deed.attempt(() =>
      told(api.POST('/api/v1/transcribe/{session_id}/links', { params, body })),
    );
    setMade(pageOf(link));
  });

  async function copy(text: string): Promise<void> {
    const copied = await copyText(text);
    say(t(copied ? 'action.copied' : 'recording.uncopied'), { bad: !copied });
  }

  return (
    <section>
      <h3 className="text-sm font-semibold">{t('share.links')}</h3>
      <p className="mb-2 text-sm text-ink-soft">{t('share.links.text')}</p>
      {links.error && <Message kind="bad">{sentence(links.error)}</Message>}
      <ul className="mb-3 grid gap-1">
        {links.data?.items.map((link) => {
          const expired = link.expires_at !== null && Date.parse(link.expires_at) < Date.now();
          return (
            <li key={link.id} className="flex items-center gap-2.5 text-sm">
              <Link2 aria-hidden className="size-4 shrink-0 text-ink-faint" />
              <span className="min-w-0 grow">
                {t('share.link.of', { date: moment(link.created_at, language()) })}
                {link.expires_at && !expired && (
                  <span className="text-ink-faint">
                    {' · '}
                    {t('share.link.until', { date: moment(link.expires_at, language()) })}
                  </span>
                )}
              </span>
              {expired && <Badge>{t('share.link.expired')}</Badge>}
              <Button
                look="plain"
                disabled={deed.busy}
                onClick={() => {
                  const path = { session_id: id, link_id: link.id };
                  void deed.run(() =>
                    told(api.DELETE('/api/v1/transcribe/{session_id}/links/{link_id}', { params: { path } })),
                  );
                }}
              >
                {t('share.link.revoke')}
              </Button>
            </li>
          );
        })}
      </ul>
      {made && (
        <div className="mb-3 rounded-md bg-raised p-3">
          <p className="text-sm text-ink-soft">{t('share.link.made')}</p>
          <code dir="ltr" className="mt-1.5 block text-sm break-all select-all">
            {made}
          </code>
          <Button className="mt-2.5" icon={Copy} onClick={() => void copy(made)}>
            {t('action.copy')}
          </Button>
        </div>
      )}
      <form onSubmit={onSubmit} className="grid items-start gap-3 sm:grid-cols-2">
        <Choice label={t('share.link.for')} name="days" defaultValue="7">
          {DAYS.map((days) => (
            <option key={days} value={days}>
              {t('share.link.days', { n: days })}
            </option>
          ))}
          <option value="0">{t('share.link.ever')}</option>
        </Choice>
        <Button type="submit" busy={busy} icon={Link2} className="min-h-10.5 self-end">
          {t('share.link.make')}
        </Button>
      </form>
      {error && (
        <Message kind="bad" className="mt-3">
          {error}
        </Message>
      )}
    </section>
  );
}
