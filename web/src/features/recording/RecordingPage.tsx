import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { isGone } from '@/api/errors';
import { recordingQuery } from '@/api/queries';
import { useT } from '@/i18n';
import { Missing } from '@/routes/Fallbacks';
import { Message } from '@/ui/Message';
import { sentence } from '@/ui/sentence';
import { useLive } from './live';
import { Workspace } from './Workspace';

export function RecordingPage() {
  const { id } = useParams({ from: '/inside/recordings/$id' });
  const { data, error } = useQuery(recordingQuery(id));
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
  return data ? <Workspace key={id} id={id} result={data} /> : <Loading />;
}

function Loading() {
  return (
    <div className="grid animate-breathe gap-4 p-6 md:p-8">
      <div className="h-9 w-1/2 rounded-md bg-raised" />
      <div className="h-4 w-1/3 rounded-md bg-raised" />
    </div>
  );
}
