import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import type { Segment } from '@/api/types';
import { Player } from './player';
import { afterSilence } from './timeline';

/** The player of a recording. Its sound is asked for along with the text, not after it. */
export function usePlayer(id: string): Player | null {
  const [player, setPlayer] = useState<Player | null>(null);
  useEffect(() => {
    const made = new Player(`/api/v1/transcribe/${id}/media`);
    setPlayer(made);
    return () => {
      setPlayer(null);
      made.close();
    };
  }, [id]);
  return player;
}

/** Take the player to the place that the address names, and tell it where nothing is said. */
export function useGuidance(player: Player | null, segments: readonly Segment[]): void {
  const { t: at } = useSearch({ from: '/inside/recordings/$id' });
  const navigate = useNavigate();
  useEffect(() => {
    if (player && at !== undefined) {
      player.seek(at);
      void navigate({ to: '.', search: {}, replace: true });
    }
  }, [player, at, navigate]);
  useEffect(() => {
    if (player) player.silenceAt = (time) => afterSilence(segments, time);
  }, [player, segments]);
}
