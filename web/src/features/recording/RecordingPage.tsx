import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { isGone } from '@/api/errors';
import { recordingQuery } from '@/api/queries';
import { useDesk } from '@/features/editing/useDesk';
import { useT } from '@/i18n';
import { Missing } from '@/routes/Fallbacks';
import { Message } from '@/ui/Message';
import { sentence } from '@/ui/sentence';
import { useLive } from './live';
import { usePlayer } from './usePlayer';
import { Workspace } from './Workspace';

export function RecordingPage() {
  const { id } = useParams({ from: '/inside/recordings/$id' });
  return <Opened key={id} id={id} />;
}

/** All that a recording needs is fetched and made at once, so that its page is drawn once. */
function Opened({ id }: { id: string }) {
  const { data, error } = useQuery(recordingQuery(id));
  const player = usePlayer(id);
  const { desk, ready } = useDesk(id, data?.transcript ?? null);
  useT();
  const active = data?.status === 'queued' || data?.status === 'running';
  useLive(id, active);
  if (isGone(error)) return <Missing />;
  if (error && !data) {
    return (
      <div className="p-6">
        <Message kind="bad">{sentence(error)}</Message>
      </div>
    );
  }
  if (!data || !ready) return <Loading />;
  return <Workspace id={id} result={data} player={data.links.media ? player : null} desk={desk} />;
}

function Loading() {
  return (
    <div className="grid animate-breathe gap-4 p-6 md:p-8">
      <div className="h-9 w-1/2 rounded-md bg-raised" />
      <div className="h-4 w-1/3 rounded-md bg-raised" />
    </div>
  );
}
