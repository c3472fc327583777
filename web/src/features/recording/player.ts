/** The sound of one recording, and where it is: read on every frame by what moves with it. */
import { preferences } from '@/ui/preferences';

export interface PlayerState {
  playing: boolean;
  /** Whether the browser can play this kind of file at all; null before it knows. */
  playable: boolean | null;
  duration: number | null;
  speed: number;
  /** A stretch that is played again and again. */
  loop: Stretch | null;
}

export interface Stretch {
  from: number;
  to: number;
}

export const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3] as const;
const RUN_UP = 1;

export class Player {
  readonly audio: HTMLAudioElement;
  /** Where to go on, where nothing is said at a time; null to play on. */
  silenceAt: ((time: number) => number | null) | null = null;
  private state: PlayerState = { playing: false, playable: null, duration: null, speed: 1, loop: null };
  private readonly listeners = new Set<() => void>();
  private readonly frames = new Set<(time: number) => void>();
  private readonly ends = new AbortController();
  private frame = 0;
  private pausedAt: number | null = null;

  constructor(address: string) {
    this.audio = new Audio();
    this.audio.preload = 'metadata';
    this.audio.preservesPitch = true;
    this.audio.src = address;
    this.speedTo(preferences.get().speed ?? 1);
    const { signal } = this.ends;
    const on = (type: string, listener: () => void) =>
      this.audio.addEventListener(type, listener, { signal });
    on('play', () => {
      this.change({ playing: true });
      this.run();
    });
    on('pause', () => this.change({ playing: false }));
    on('ended', () => {
      const { loop } = this.state;
      if (loop) this.playFrom(loop.from);
      else this.change({ playing: false });
    });
    on('seeked', () => this.tick());
    on('loadedmetadata', () => this.change({ playable: true }));
    on('durationchange', () => {
      const { duration } = this.audio;
      this.change({ duration: Number.isFinite(duration) ? duration : null });
    });
    on('error', () => {
      const unsupported = this.audio.error?.code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED;
      if (unsupported && this.state.playable === null) this.change({ playable: false });
    });
  }

  readonly get = (): PlayerState => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Be told the time on every frame while it plays, and after each jump. */
  onTime(listener: (time: number) => void): () => void {
    this.frames.add(listener);
    listener(this.time);
    return () => this.frames.delete(listener);
  }

  get time(): number {
    return this.audio.currentTime;
  }

  play(): void {
    // Whoever paused to think wants the last word again.
    if (this.pausedAt === this.time && this.time > 0) this.seek(this.time - RUN_UP);
    this.pausedAt = null;
    this.audio.play().catch(() => this.change({ playing: false }));
  }

  pause(): void {
    this.audio.pause();
    this.pausedAt = this.time;
  }

  toggle(): void {
    if (this.audio.paused) this.play();
    else this.pause();
  }

  seek(time: number): void {
    this.pausedAt = null;
    const last = this.state.duration ?? Number.POSITIVE_INFINITY;
    const { loop } = this.state;
    if (loop && (time < loop.from - RUN_UP || time > loop.to)) this.loop(null);
    this.audio.currentTime = Math.min(last, Math.max(0, time));
    this.tick();
  }

  skip(seconds: number): void {
    this.seek(this.time + seconds);
  }

  playFrom(time: number): void {
    this.seek(time);
    this.play();
  }

  /** Play a stretch again and again, from now on; null ends that. */
  loop(stretch: Stretch | null): void {
    this.change({ loop: stretch });
    if (stretch) this.playFrom(stretch.from);
  }

  speedTo(speed: number): void {
    this.audio.defaultPlaybackRate = speed;
    this.audio.playbackRate = speed;
    this.change({ speed });
    preferences.change({ speed });
  }

  speedStep(step: 1 | -1): void {
    const found = SPEEDS.findIndex((speed) => speed >= this.state.speed);
    const next = SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, found + step))];
    if (next !== undefined) this.speedTo(next);
  }

  close(): void {
    this.ends.abort();
    cancelAnimationFrame(this.frame);
    this.audio.pause();
    this.audio.removeAttribute('src');
    this.audio.load();
    this.listeners.clear();
    this.frames.clear();
  }

  private change(patch: Partial<PlayerState>): void {
    this.state = { ...this.state, ...patch };
    for (const listener of this.listeners) listener();
  }

  private tick(): void {
    const { time } = this;
    for (const listener of this.frames) listener(time);
  }

  private run(): void {
    cancelAnimationFrame(this.frame);
    const step = () => {
      const { loop } = this.state;
      if (loop && this.time >= loop.to) this.audio.currentTime = loop.from;
      const beyond = preferences.get().skipSilence ? (this.silenceAt?.(this.time) ?? null) : null;
      if (beyond !== null && beyond > this.time) this.audio.currentTime = beyond;
      this.tick();
      if (!this.audio.paused) this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }
}
