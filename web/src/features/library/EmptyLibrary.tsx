import { AudioLines, FileAudio, Keyboard, MessagesSquare } from 'lucide-react';
import { RecordLink } from '@/features/record/RecordLink';
import { pick } from '@/features/uploads/uploads';
import { useT } from '@/i18n';
import { Button } from '@/ui/Button';

const BARS = [14, 30, 46, 26, 58, 74, 40, 62, 88, 54, 70, 36, 50, 78, 44, 60, 28, 48, 34, 18];

/** The library before the first recording: what to do, and what to know. */
export function EmptyLibrary() {
  const t = useT();
  const tips = [
    { icon: MessagesSquare, text: t('library.empty.tip1') },
    { icon: FileAudio, text: t('library.empty.tip2') },
    { icon: Keyboard, text: t('library.empty.tip3') },
  ];
  return (
    <section className="grid grow content-center gap-8 py-8">
      <div className="relative mx-auto grid w-full max-w-3xl justify-items-center overflow-hidden rounded-2xl border-2 border-dashed border-line-strong bg-glass px-6 py-14 text-center">
        <div aria-hidden className="mb-7 flex h-20 items-center gap-1.5">
          {BARS.map((height, index) => (
            <span
              // biome-ignore lint/suspicious/noArrayIndexKey: the bars never change
              key={index}
              className={index % 7 === 4 ? 'w-1.5 rounded-full bg-amber' : 'w-1.5 rounded-full bg-accent'}
              style={{ height: `${height}%`, opacity: 0.45 + (height / 100) * 0.55 }}
            />
          ))}
        </div>
        <h2 className="display text-2xl">{t('library.empty.title')}</h2>
        <p className="mt-2 max-w-lg text-ink-soft">{t('library.empty.text')}</p>
        <div className="mt-6 flex flex-wrap items-center justify-center gap-3">
          <Button
            look="solid"
            icon={AudioLines}
            className="min-h-11 px-5 text-base"
            onClick={() => pick('files')}
          >
            {t('library.upload.files')}
          </Button>
          <RecordLink />
        </div>
        <p className="mt-4 text-xs text-ink-faint">{t('library.empty.formats')}</p>
      </div>
      <ul className="mx-auto grid max-w-3xl gap-4 sm:grid-cols-3">
        {tips.map(({ icon: Icon, text }) => (
          <li key={text} className="flex gap-3 text-sm text-ink-soft">
            <Icon aria-hidden className="mt-0.5 size-4.5 shrink-0 text-accent" />
            {text}
          </li>
        ))}
      </ul>
    </section>
  );
}
