import { AudioLines } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useT } from '@/i18n';
import { filesOf } from './files';
import { anyUnderWay, enqueue } from './uploads';

/** Files may be dropped on any page, at any place of it. */
export function DropAnywhere({ onDropped }: { onDropped: () => void }) {
  const t = useT();
  const [over, setOver] = useState(false);

  useEffect(() => {
    let depth = 0;
    const carries = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    const enter = (event: DragEvent) => {
      if (!carries(event)) return;
      depth += 1;
      setOver(true);
    };
    const leave = () => {
      depth = Math.max(0, depth - 1);
      if (depth === 0) setOver(false);
    };
    const allow = (event: DragEvent) => carries(event) && event.preventDefault();
    const drop = async (event: DragEvent) => {
      depth = 0;
      setOver(false);
      if (!carries(event) || !event.dataTransfer) return;
      event.preventDefault();
      const files = await filesOf(event.dataTransfer);
      if (files.length === 0) return;
      onDropped();
      await enqueue(files);
    };
    const leaving = (event: BeforeUnloadEvent) => anyUnderWay() && event.preventDefault();
    const ends = new AbortController();
    const { signal } = ends;
    window.addEventListener('dragenter', enter, { signal });
    window.addEventListener('dragleave', leave, { signal });
    window.addEventListener('dragover', allow, { signal });
    window.addEventListener('drop', (event) => void drop(event), { signal });
    window.addEventListener('beforeunload', leaving, { signal });
    return () => ends.abort();
  }, [onDropped]);

  if (!over) return null;
  return (
    <div className="pointer-events-none fixed inset-0 z-60 grid place-items-center bg-glass p-6 backdrop-blur-md">
      <div className="grid animate-rise justify-items-center rounded-2xl border-2 border-dashed border-accent bg-surface px-14 py-12 text-center shadow-3">
        <AudioLines aria-hidden className="mb-4 size-12 text-accent" />
        <p className="display text-2xl">{t('library.drop')}</p>
        <p className="mt-1 text-ink-soft">{t('library.drop.text')}</p>
      </div>
    </div>
  );
}
