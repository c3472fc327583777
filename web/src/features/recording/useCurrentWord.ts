import { useEffect } from 'react';
import type { Word } from '@/api/types';
import type { Player } from './player';
import { wordAt } from './timeline';

/** Mark the word that is being said, among the children of `ref`. Many times a second, so past React. */
export function useCurrentWord(
  ref: { readonly current: HTMLElement | null },
  words: readonly Word[],
  player: Player | null,
): void {
  useEffect(() => {
    if (!player) return;
    let marked: Element | undefined;
    const stop = player.onTime((time) => {
      const next = ref.current?.children[wordAt(words, time)];
      if (next === marked) return;
      marked?.removeAttribute('data-said');
      next?.setAttribute('data-said', '');
      marked = next;
    });
    return () => {
      stop();
      marked?.removeAttribute('data-said');
    };
  }, [ref, words, player]);
}
