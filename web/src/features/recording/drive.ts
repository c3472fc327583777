import type { Segment } from '@/api/types';
import type { Command } from './keys';
import type { Player } from './player';
import { lastAt } from './timeline';

const SKIP = 5;

/** What a key does to the player. */
export function drive(player: Player, command: Command, segments: readonly Segment[]): void {
  const here = lastAt(segments, player.time);
  switch (command) {
    case 'play':
      player.toggle();
      break;
    case 'back':
      player.skip(-SKIP);
      break;
    case 'forward':
      player.skip(SKIP);
      break;
    case 'slower':
      player.speedStep(-1);
      break;
    case 'faster':
      player.speedStep(1);
      break;
    case 'previous': {
      // Back to where this one began, and from there to the one before.
      const begun = segments[here]?.start_time ?? 0;
      player.seek(player.time - begun > 1.5 ? begun : (segments[here - 1]?.start_time ?? 0));
      break;
    }
    case 'next': {
      const next = segments[here + 1];
      if (next) player.seek(next.start_time);
      break;
    }
  }
}
