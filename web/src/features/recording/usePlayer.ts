import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import type { Segment } from '@/api/types';
import { Player } from './player';
import { afterSilence } from './timeline';

/** The player of a recording, from the place that the address names; null where there is no file. */
export function usePlayer(address: string | null, segments: readonly Segment[]): Player | null {
  const { t: at } = useSearch({ from: '/inside/recordings/$id' });
  const navigate = useNavigate();
  const [player, setPlayer] = useState<Player | null>(null);
  useEffect(() => {
    if (address === null) return;
    const made = new Player(address);
    setPlayer(made);
    return () => {
      setPlayer(null);
      made.close();
    };
  }, [address]);
  useEffect(() => {
    if (player && at !== undefined) {
      player.seek(at);
      void navigate({ to: '.', search: {}, replace: true });
    }
  }, [player, at, navigate]);
  useEffect(() => {
    if (player) player.silenceAt = (time) => afterSilence(segments, time);
  }, [player, segments]);
  return player;
}
