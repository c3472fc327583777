import { describe, expect, it } from 'vitest';
import { type Clock, Sender } from './sender';
import { type Chunk, metadata, type Session } from './session';
import type { Store } from './store';
import type { Answer, Told, Transport } from './transport';

const SILENT: Answer = {
  status: 0,
  location: null,
  offset: null,
  length: null,
  recordingId: null,
  message: '',
};

class Server implements Transport {
  bytes = '';
  length: number | null = null;
  recordingId: string | null = null;
  metadata = '';
  uploads = 0;
  patches: number[] = [];
  most = Number.POSITIVE_INFINITY;
  /** What happens to the next requests: lost before, or after, they were heard. */
  faults: ('before' | 'after' | 'half')[] = [];

  async create(said: string): Promise<Answer> {
    if (this.faults.shift() === 'before') return SILENT;
    this.uploads += 1;
    this.bytes = '';
    this.length = this.recordingId = null;
    this.metadata = said;
    return { ...SILENT, status: 201, location: `/u/${this.uploads}` };
  }

  async patch(url: string, offset: number, body: Blob, { length, metadata: said }: Told): Promise<Answer> {
    const fault = this.faults.shift();
    if (fault === 'before') return SILENT;
    expect(url).toBe(`/u/${this.uploads}`);
    if (offset !== this.bytes.length) return { ...SILENT, status: 409, offset: this.bytes.length };
    const text = await body.text();
    if (this.recordingId !== null && text !== '') return { ...SILENT, status: 413 };
    if (this.bytes.length + text.length > this.most) return { ...SILENT, status: 413, message: 'Too large.' };
    this.patches.push(text.length);
    if (fault === 'half') {
      this.bytes += text.slice(0, text.length / 2);
      return SILENT;
    }
    this.bytes += text;
    if (said !== undefined) this.metadata = said;
    if (length !== undefined) this.length = length;
    if (this.length === this.bytes.length) this.recordingId ??= `r${this.uploads}`;
    return fault === 'after' ? SILENT : { ...this.look(), status: 204 };
  }

  async head(): Promise<Answer> {
    if (this.faults.shift() === 'before') return SILENT;
    return { ...this.look(), status: 200 };
  }

  /** As after too long a silence. */
  cutOff(): void {
    this.length = this.bytes.length;
    this.recordingId = 'short';
  }

  private look(): Answer {
    return { ...SILENT, offset: this.bytes.length, length: this.length, recordingId: this.recordingId };
  }
}

class Memory implements Store {
  saved: Session | null = null;
  kept: Chunk[] = [];
  full = false;
  async save(session: Session): Promise<void> {
    this.saved = session;
  }
  async add(chunk: Chunk): Promise<void> {
    if (this.full) throw new Error('no room');
    this.kept.push(chunk);
  }
  sessions = async () => (this.saved ? [this.saved] : []);
  chunks = async () => this.kept;
  forget = async () => {
    this.kept = [];
  };
}

/** Time goes by as soon as somebody waits for it. */
class Quick implements Clock {
  at = 0;
  now = () => this.at;
  sleep(ms: number) {
    let wake = () => {};
    const slept = new Promise<void>((resolve) => {
      wake = resolve;
      setTimeout(() => {
        this.at += ms;
        resolve();
      });
    });
    return { slept, wake };
  }
}

function session(): Session {
  const marks = [{ at: 1.5, text: 'The offer' }];
  const times = { startedAt: 0, lastAt: 0 };
  const sent = { url: null, saved: 0, short: null };
  return { id: 's', userId: 'u', mime: 'audio/webm', title: 'Talk', language: '', marks, ...times, ...sent };
}

function made() {
  const server = new Server();
  const memory = new Memory();
  const clock = new Quick();
  const sender = new Sender(session(), server, memory, clock);
  return { server, memory, clock, sender };
}

async function add(sender: Sender, ...texts: string[]): Promise<void> {
  for (const text of texts) await sender.add(new Blob([text]), sender.get().totalBytes + text.length);
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('a sender', () => {
  it('sends chunks in their order and then tells the length', async () => {
    const { server, sender } = made();
    await add(sender, 'one,', 'two,');
    const running = sender.run();
    await turn();
    await add(sender, 'three');
    sender.end();
    await running;
    expect(server.bytes).toBe('one,two,three');
    expect(sender.get()).toMatchObject({ state: 'done', recordingId: 'r1', savedSeconds: 13 });
  });

  it.each(['before', 'after', 'half'] as const)(
    'leaves no gap and sends nothing twice when a request is lost %s',
    async (fault) => {
      const { server, sender } = made();
      const running = sender.run();
      for (const text of ['aaaa', 'bbbb', 'cccc', 'dddd']) {
        server.faults = [fault];
        await add(sender, text);
        await turn();
      }
      sender.end();
      await running;
      expect(server.bytes).toBe('aaaabbbbccccdddd');
    },
  );

  it('waits while the server is away, says how far it was saved, and goes on', async () => {
    const { server, sender } = made();
    await add(sender, 'aaaa');
    const running = sender.run();
    await turn();
    server.faults = Array.from({ length: 8 }, () => 'before' as const);
    await add(sender, 'bbbb');
    await turn();
    await add(sender, 'cccc');
    expect(sender.get()).toMatchObject({ savedBytes: 4, savedSeconds: 4, totalBytes: 12 });
    sender.end();
    await running;
    expect(server.bytes).toBe('aaaabbbbcccc');
  });

  it('sends the whole anew where the server has finished the beginning', async () => {
    const { server, sender } = made();
    await add(sender, 'aaaa');
    const running = sender.run();
    await turn();
    server.cutOff();
    await add(sender, 'bbbb');
    sender.end();
    await running;
    expect(server.bytes).toBe('aaaabbbb');
    expect(sender.session.short).toBe('short');
    expect(sender.get().recordingId).toBe('r2');
  });

  it('goes on after a reload with what the server lacks', async () => {
    const first = made();
    await add(first.sender, 'aaaa', 'bbbb');
    first.server.faults = [];
    void first.sender.run();
    await turn();
    first.server.faults = Array.from({ length: 50 }, () => 'before' as const);
    await add(first.sender, 'cccc');
    const kept = first.memory.saved as Session;
    const second = new Sender(kept, first.server, first.memory, new Quick());
    second.restore(first.memory.kept);
    first.server.faults = [];
    await second.run();
    expect(first.server.bytes).toBe('aaaabbbbcccc');
    expect(first.server.uploads).toBe(1);
  });

  it('leaves out what comes after a gap among what was kept', () => {
    const { sender } = made();
    const chunk = (index: number, start: number): Chunk => {
      const data = new Blob(['aaaa']);
      return { session: 's', index, start, end: start + 4, until: index + 1, data };
    };
    sender.restore([chunk(0, 0), chunk(2, 8)]);
    expect(sender.get().totalBytes).toBe(4);
  });

  it('makes a recording of what fits where the server takes no more', async () => {
    const { server, sender } = made();
    server.most = 8;
    const running = sender.run();
    for (const text of ['aaaa', 'bbbb', 'cccc']) {
      await add(sender, text);
      await turn();
    }
    await running;
    expect(server.bytes).toBe('aaaabbbb');
    expect(sender.get()).toMatchObject({ state: 'done', recordingId: 'r1', reason: 'Too large.' });
    expect(await sender.whole().text()).toBe('aaaabbbbcccc');
  });

  it('shows a sign of life while there is nothing to send', async () => {
    const { server, sender, clock } = made();
    await add(sender, 'aaaa');
    const running = sender.run();
    while (clock.at < 61_000) await turn();
    expect(server.patches.filter((size) => size === 0).length).toBeGreaterThanOrEqual(4);
    sender.end();
    await running;
  });

  it('tells the server of another title and of marks', async () => {
    const { server, sender } = made();
    await add(sender, 'aaaa');
    const running = sender.run();
    await turn();
    await sender.describe({ title: 'Other', marks: [] });
    await turn();
    expect(server.metadata).toBe(metadata({ ...session(), title: 'Other', marks: [] }));
    sender.end();
    await running;
  });

  it('goes on without a copy where the browser keeps nothing, and says so', async () => {
    const { server, memory, sender } = made();
    memory.full = true;
    await add(sender, 'aaaa');
    sender.end();
    await sender.run();
    expect(server.bytes).toBe('aaaa');
    expect(sender.get().kept).toBe(false);
  });

  it('ends with nothing where nothing was heard', async () => {
    const { server, sender } = made();
    sender.end();
    await sender.run();
    expect(server.uploads).toBe(0);
    expect(sender.get()).toMatchObject({ state: 'done', recordingId: null });
  });
});

describe('metadata', () => {
  it('carries marks in lines and leaves out what is empty', () => {
    const fields = Object.fromEntries(
      metadata(session())
        .split(',')
        .map((pair) => pair.split(' ') as [string, string]),
    );
    expect(atob(fields.marks ?? '')).toBe('1.50 The offer');
    expect(atob(fields.live ?? '')).toBe('true');
    expect(fields.language).toBeUndefined();
  });
});
