import { Pencil } from 'lucide-react';
import { useState } from 'react';
import { TitleField } from '@/features/library/TitleField';
import { t } from '@/i18n';
import { IconButton } from '@/ui/Button';

interface TitleProps {
  id: string;
  title: string;
  mayWrite: boolean;
}

/** The title, which is written anew in its place. */
export function Title({ id, title, mayWrite }: TitleProps) {
  const [writing, setWriting] = useState(false);
  if (writing) {
    return (
      <TitleField
        id={id}
        title={title}
        className="display w-xl max-w-full py-0.5 text-2xl"
        onDone={() => setWriting(false)}
      />
    );
  }
  return (
    <div className="group flex items-start gap-1">
      <h1 className="display min-w-0 text-2xl break-words">
        <bdi>{title}</bdi>
      </h1>
      {mayWrite && (
        <IconButton
          icon={Pencil}
          label={t('title.change')}
          className="opacity-0 transition-opacity group-focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100"
          onClick={() => setWriting(true)}
        />
      )}
    </div>
  );
}
