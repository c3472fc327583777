/**
 * Sends a recording while it is made. The server's offset is the truth: what it has is never sent again, and
 * what it lacks comes from the chunks that are kept here until the recording is in the library.
 */
import { type Chunk, metadata, type Session } from './session';
import type { Store } from './store';
import type { Answer, Transport } from './transport';

const MOST_AT_ONCE = 1024 * 1024;
const ALIVE_MS = 15_000;
const PAUSES_MS = [300, 700, 1500, 3000, 6000, 10_000];
/** Refusals of this moment, not of the recording. */
const PASSING = new Set([0, 401, 408, 409, 423, 429, 460, 500, 502, 503, 504, 507]);

export type SenderState = 'sending' | 'waiting' | 'done' | 'refused';

export interface Sent {
  state: SenderState;
  /** Seconds of the recording that the server has for good. */
  savedSeconds: number;
  savedBytes: number;
  totalBytes: number;
  recordingId: string | null;
  /** Why the server takes no more. */
  reason: string | null;
  /** Whether this browser keeps a copy until the server has all. */
  kept: boolean;
}

interface Piece {
  start: number;
  end: number;
  until: number;
  data: Blob;
}

export interface Clock {
  now(): number;
  /** Resolves after so long, or as soon as `wake` is called. */
  sleep(ms: number): { slept: Promise<void>; wake: () => void };
}

const realClock: Clock = {
  now: () => Date.now(),
  sleep(ms) {
    let wake = () => {};
    const slept = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    return { slept, wake };
  },
};

export class Sender {
  session: Session;
  private readonly pieces: Piece[] = [];
  private offset: number | null = null;
  private ended = false;
  private described: string | null = null;
  private failures = 0;
  private lastSaid = 0;
  private wakeUp: () => void = () => {};
  private woken = false;
  private state: SenderState = 'sending';
  private recordingId: string | null = null;
  private reason: string | null = null;
  private kept = true;
  /** Why the server takes no more bytes: what it has becomes the recording. */
  private full: string | null = null;
  private finishing = false;
  private readonly listeners = new Set<() => void>();
  private snapshot: Sent;

  constructor(
    session: Session,
    private readonly transport: Transport,
    private readonly store: Store,
    private readonly clock: Clock = realClock,
  ) {
    this.session = session;
    this.snapshot = this.look();
  }

  readonly get = (): Sent => this.snapshot;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  get total(): number {
    return this.pieces.at(-1)?.end ?? 0;
  }

  /** Of all that was recorded. */
  get seconds(): number {
    return this.pieces.at(-1)?.until ?? 0;
  }

  /** One more chunk; kept here first. */
  async add(data: Blob, until: number): Promise<void> {
    if (data.size === 0) return;
    const start = this.total;
    const piece: Piece = { start, end: start + data.size, until, data };
    this.pieces.push(piece);
    const { id } = this.session;
    const index = this.pieces.length - 1;
    try {
      await this.store.add({ session: id, index, start, end: piece.end, until, data });
      await this.change({ lastAt: this.clock.now() });
    } catch {
      this.kept = false;
    }
    // Where the server cannot be reached, its pauses hold.
    if (this.failures === 0) this.wake();
    else this.tell();
  }

  /** What was kept before a reload. A gap, which a crash between two writes could leave, ends it. */
  restore(chunks: readonly Chunk[]): void {
    for (const { start, end, until, data } of chunks) {
      if (start !== this.total) break;
      this.pieces.push({ start, end, until, data });
    }
    this.ended = true;
    this.tell();
  }

  /** Another title, language, or marks: the server is told too. */
  async describe(patch: Pick<Partial<Session>, 'title' | 'language' | 'marks'>): Promise<void> {
    await this.change(patch);
    this.wake();
  }

  private async change(patch: Partial<Session>): Promise<void> {
    this.session = { ...this.session, ...patch };
    try {
      await this.store.save(this.session);
    } catch {
      this.kept = false;
    }
  }

  end(): void {
    this.ended = true;
    this.wake();
  }

  /** Do not wait any longer: something came, or the network is back. */
  wake(): void {
    this.woken = true;
    this.wakeUp();
    this.tell();
  }

  /** All of it, for a person who wants to keep it themselves. */
  whole(): Blob {
    return new Blob(
      this.pieces.map((piece) => piece.data),
      { type: this.session.mime },
    );
  }

  /** Until it is in the library, or refused for good. */
  async run(): Promise<void> {
    while (this.state !== 'done' && this.state !== 'refused') {
      this.woken = false;
      const pause = await this.step();
      if (pause > 0 && !this.woken) {
        const { slept, wake } = this.clock.sleep(pause);
        this.wakeUp = wake;
        await slept;
        this.wakeUp = () => {};
      }
    }
    this.tell();
  }

  /** One thing, and how long to wait then. */
  private async step(): Promise<number> {
    if (this.session.url === null) {
      if (this.total === 0) return this.nothingYet();
      return this.begin();
    }
    if (this.offset === null) return this.ask(this.session.url);
    return this.send(this.session.url, this.offset);
  }

  private nothingYet(): number {
    if (!this.ended) return ALIVE_MS;
    this.state = 'done'; // nothing was heard at all
    return 0;
  }

  private async begin(): Promise<number> {
    const said = metadata(this.session);
    const answer = await this.transport.create(said);
    if (answer.status !== 201 || answer.location === null) return this.failed(answer);
    this.described = said;
    this.offset = 0;
    this.well();
    await this.change({ url: answer.location, saved: 0 });
    return 0;
  }

  private async ask(url: string): Promise<number> {
    const answer = await this.transport.head(url);
    if (answer.status !== 200) return this.failed(answer);
    return this.learn(answer);
  }

  private async send(url: string, offset: number): Promise<number> {
    const body = this.full === null ? this.from(offset) : new Blob();
    const last = this.full !== null || (this.ended && offset + body.size === this.total);
    const said = metadata(this.session);
    const news = said === this.described ? undefined : said;
    const quiet = this.clock.now() - this.lastSaid;
    if (body.size === 0 && !last && news === undefined && quiet < ALIVE_MS) return ALIVE_MS - quiet;
    const length = last ? offset + body.size : undefined;
    this.finishing = this.full !== null;
    const answer = await this.transport.patch(url, offset, body, { length, metadata: news });
    if (answer.status !== 204) return this.failed(answer);
    if (news !== undefined) this.described = news;
    return this.learn(answer);
  }

  private async learn(answer: Answer): Promise<number> {
    this.well();
    if (answer.recordingId !== null) {
      const length = answer.length ?? answer.offset ?? 0;
      if (length < this.total && !this.finishing) return this.beginAnew(answer.recordingId);
      this.recordingId = answer.recordingId;
      this.state = 'done';
    }
    this.offset = answer.offset ?? 0;
    await this.change({ saved: this.offset });
    return 0;
  }

  /** The server has made a recording of the beginning, for nothing came for too long: send the whole. */
  private async beginAnew(short: string | null): Promise<number> {
    this.offset = null;
    this.full = null;
    this.finishing = false;
    await this.change({ url: null, saved: 0, ...(short === null ? {} : { short }) });
    return 0;
  }

  private async failed(answer: Answer): Promise<number> {
    const { session } = this;
    const asked = this.offset === null;
    this.offset = null;
    if (answer.status === 404 && session.url !== null) {
      // The server forgets in time what an upload has become.
      if (session.saved > 0 && session.saved === this.total && this.ended) {
        this.state = 'done';
        return 0;
      }
      return this.beginAnew(null);
    }
    if (answer.status === 413 && session.url !== null && !asked && this.total > 0) {
      // Too much for this server; or it has finished the recording, as HEAD will tell.
      this.full = answer.message;
      return 0;
    }
    if (PASSING.has(answer.status)) {
      this.state = 'waiting';
      this.failures += 1;
      this.reason = answer.message || null;
      this.tell();
      return PAUSES_MS[Math.min(this.failures, PAUSES_MS.length) - 1] ?? 0;
    }
    this.state = 'refused';
    this.reason = answer.message;
    return 0;
  }

  private well(): void {
    this.failures = 0;
    this.reason = this.full;
    this.lastSaid = this.clock.now();
    this.state = 'sending';
  }

  private from(offset: number): Blob {
    const parts: Blob[] = [];
    let size = 0;
    for (const piece of this.pieces) {
      if (piece.end <= offset) continue;
      if (size >= MOST_AT_ONCE) break;
      const part = piece.start < offset ? piece.data.slice(offset - piece.start) : piece.data;
      parts.push(part);
      size += part.size;
    }
    return new Blob(parts);
  }

  private look(): Sent {
    const savedBytes = this.state === 'done' ? this.total : this.session.saved;
    let savedSeconds = 0;
    for (const piece of this.pieces) {
      if (piece.end > savedBytes) break;
      savedSeconds = piece.until;
    }
    const { state, total, recordingId, reason, kept } = this;
    return { state, savedSeconds, savedBytes, totalBytes: total, recordingId, reason, kept };
  }

  private tell(): void {
    this.snapshot = this.look();
    for (const listener of this.listeners) listener();
  }
}
