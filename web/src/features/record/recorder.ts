/** The recording that this tab makes. It goes on while other pages of the app are looked at. */
import { t } from '@/i18n';
import { preferences } from '@/ui/preferences';
import {
  type Capture,
  CaptureError,
  capture,
  type Obstacle,
  recordingType,
  type Source,
  standingObstacle,
} from './capture';
import { hold } from './locks';
import { recording } from './now';
import { Sender } from './sender';
import type { Mark, Session } from './session';
import { Stopwatch } from './stopwatch';
import { keepForGood, store } from './store';
import { removeShort } from './tidy';
import { transport } from './transport';

export type Phase = 'idle' | 'asking' | 'recording' | 'paused' | 'finishing' | 'done';

export interface RecorderState {
  phase: Phase;
  obstacle: Obstacle | null;
  title: string;
  language: string;
  marks: readonly Mark[];
  sender: Sender | null;
  capture: Capture | null;
  /** Whether a device went away, or sharing was ended elsewhere. */
  lost: boolean;
}

const EVERY_MS = 1000;
const BITS = 64_000;
const IDLE: RecorderState = {
  phase: 'idle',
  obstacle: null,
  title: '',
  language: '',
  marks: [],
  sender: null,
  capture: null,
  lost: false,
};

class Recorder {
  private state: RecorderState = IDLE;
  private readonly listeners = new Set<() => void>();
  private media: MediaRecorder | null = null;
  private watch = new Stopwatch();
  private release: () => void = () => {};
  private awake: WakeLockSentinel | null = null;

  readonly get = (): RecorderState => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  get seconds(): number {
    return this.watch.seconds;
  }

  get running(): boolean {
    return this.state.phase === 'recording' || this.state.phase === 'paused';
  }

  async start(userId: string, source: Source, deviceId: string | null): Promise<void> {
    const mime = recordingType();
    const obstacle = standingObstacle();
    if (obstacle !== null || mime === null) {
      this.change({ obstacle: obstacle ?? 'unsupported' });
      return;
    }
    this.change({ phase: 'asking', obstacle: null, lost: false });
    try {
      const found = await capture(source, deviceId);
      await this.begin(userId, mime, found);
    } catch (error) {
      this.change({
        phase: 'idle',
        obstacle: error instanceof CaptureError ? error.obstacle : 'unknown',
      });
    }
  }

  private async begin(userId: string, mime: string, found: Capture): Promise<void> {
    const { title, language } = this.state;
    const now = Date.now();
    const session: Session = {
      id: crypto.randomUUID(),
      userId,
      startedAt: now,
      lastAt: now,
      mime,
      title: title.trim() || defaultTitle(new Date(now)),
      language,
      marks: [],
      url: null,
      saved: 0,
      short: null,
    };
    const sender = new Sender(session, transport, store);
    this.release = await hold(session.id);
    keepForGood();
    const media = new MediaRecorder(found.stream, { mimeType: mime, audioBitsPerSecond: BITS });
    this.watch = new Stopwatch();
    media.ondataavailable = (event) => void sender.add(event.data, this.watch.seconds);
    media.onstop = () => sender.end();
    media.start(EVERY_MS);
    this.media = media;
    this.watch.start();
    found.onEnded(() => {
      if (this.running) {
        this.change({ lost: true });
        this.stop();
      }
    });
    this.change({ phase: 'recording', sender, capture: found, marks: [] });
    window.addEventListener('online', this.online);
    window.addEventListener('beforeunload', warn);
    document.addEventListener('visibilitychange', this.stayAwake);
    void this.stayAwake();
    void sender.run().then(() => this.finished(sender));
  }

  pause(): void {
    if (this.state.phase !== 'recording') return;
    this.media?.pause();
    this.watch.pause();
    this.change({ phase: 'paused' });
  }

  resume(): void {
    if (this.state.phase !== 'paused') return;
    this.media?.resume();
    this.watch.start();
    this.change({ phase: 'recording' });
  }

  stop(): void {
    if (!this.running) return;
    this.watch.pause();
    if (this.media?.state !== 'inactive') this.media?.stop();
    this.quiet();
    this.change({ phase: 'finishing', capture: null });
  }

  /** Remember this moment. */
  mark(): void {
    if (!this.running) return;
    const { marks } = this.state;
    this.setMarks([...marks, { at: this.seconds, text: t('record.mark.name', { n: marks.length + 1 }) }]);
  }

  setMarks(marks: readonly Mark[]): void {
    this.change({ marks });
    void this.state.sender?.describe({ marks: marks.filter(({ text }) => text.trim() !== '') });
  }

  setTitle(title: string): void {
    this.change({ title });
    const { sender } = this.state;
    if (sender)
      void sender.describe({ title: title.trim() || defaultTitle(new Date(sender.session.startedAt)) });
  }

  setLanguage(language: string): void {
    this.change({ language });
    void this.state.sender?.describe({ language });
  }

  /** Make room for the next one. */
  clear(): void {
    if (this.running) return;
    const { language } = this.state;
    this.change({ ...IDLE, language });
  }

  private async finished(sender: Sender): Promise<void> {
    const sent = sender.get();
    if (this.running) this.stop(); // the server takes no more of it
    this.release();
    if (sent.state === 'done' && sent.reason === null) {
      await store.forget(sender.session.id).catch(() => undefined);
      await removeShort(sender.session, sent.recordingId);
    }
    window.removeEventListener('online', this.online);
    window.removeEventListener('beforeunload', warn);
    this.change({ phase: 'done' });
  }

  private quiet(): void {
    document.removeEventListener('visibilitychange', this.stayAwake);
    void this.awake?.release().catch(() => undefined);
    this.awake = null;
    this.state.capture?.close();
  }

  private readonly online = (): void => this.state.sender?.wake();

  /** A phone that sleeps hears nothing. */
  private readonly stayAwake = async (): Promise<void> => {
    if (document.visibilityState !== 'visible' || !navigator.wakeLock) return;
    const lock = await navigator.wakeLock.request('screen').catch(() => null);
    if (this.running) this.awake = lock;
    else void lock?.release().catch(() => undefined);
  };

  private change(patch: Partial<RecorderState>): void {
    this.state = { ...this.state, ...patch };
    recording.set(this.running ? (this.state.phase === 'paused' ? 'paused' : 'on') : 'off');
    for (const listener of this.listeners) listener();
  }
}

function warn(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

function defaultTitle(at: Date): string {
  const when = new Intl.DateTimeFormat(document.documentElement.lang, {
    dateStyle: 'medium',
    timeStyle: 'short',
  }).format(at);
  return t('record.title.default', { when });
}

export const recorder = new Recorder();

export function lastSource(): { source: Source; deviceId: string | null } {
  const { source, microphone } = preferences.get();
  const known = source === 'tab' || source === 'both' ? source : 'microphone';
  return { source: known, deviceId: microphone ?? null };
}
