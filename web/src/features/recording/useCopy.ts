import { useMemo } from 'react';
import type { Segment } from '@/api/types';
import { quote } from '@/features/editing/copies';
import { t } from '@/i18n';
import { copyText } from '@/ui/clipboard';
import { clock } from '@/ui/format';
import { say } from '@/ui/Toast';
import { type Names, speakerName } from './speakers';
import { asText } from './timeline';

export interface Copy {
  text: (times: boolean) => Promise<void>;
  /** A quote with its link: of a segment, or of what is chosen, or of all. */
  quote: (segment?: number) => Promise<void>;
}

/** Copy what is chosen, or all of it where nothing is. */
export function useCopy(segments: readonly Segment[], names: Names, selected: ReadonlySet<number>): Copy {
  return useMemo(() => {
    const nameOf = (speaker: string | null) => speakerName(speaker, names);
    const chosen = () => (selected.size > 0 ? segments.filter(({ id }) => selected.has(id)) : segments);
    const put = async (text: string, done: string) => {
      // A browser has no clipboard for a page that came over plain http from elsewhere.
      const copied = await copyText(text);
      say(copied ? done : t('recording.uncopied'), { bad: !copied });
    };
    return {
      text: (times) => put(asText(chosen(), nameOf, times ? clock : null), t('recording.copied')),
      quote: (segment) => {
        const some = segment === undefined ? chosen() : segments.filter(({ id }) => id === segment);
        return put(quote(some, nameOf, clock, window.location.href), t('editing.quoted'));
      },
    };
  }, [segments, names, selected]);
}
