/** Seconds that were recorded: the time since the start without its pauses. */
export class Stopwatch {
  private before = 0;
  private since: number | null = null;

  constructor(private readonly now: () => number = () => performance.now()) {}

  start(): void {
    this.since ??= this.now();
  }

  pause(): void {
    this.before = this.seconds * 1000;
    this.since = null;
  }

  get seconds(): number {
    return (this.before + (this.since === null ? 0 : this.now() - this.since)) / 1000;
  }
}
