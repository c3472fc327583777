/** How loud it was, as bars that move on with time. */

/** From silence to the loudest, as an ear hears it: 0 to 1. */
export function loudness(samples: Float32Array): number {
  let peak = 0;
  for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
  return Math.min(1, peak ** 0.7);
}

export class Levels {
  readonly bars: number[] = [];
  private peak = 0;
  private began: number | null = null;

  /** Of `most` bars, each of `everyMs`. */
  constructor(
    private readonly most: number,
    private readonly everyMs: number,
  ) {}

  /** One more measurement; how much of the next bar has gone by, 0 to 1. */
  add(level: number, now: number): number {
    this.began ??= now;
    this.peak = Math.max(this.peak, level);
    while (now - this.began >= this.everyMs) {
      this.bars.push(this.peak);
      if (this.bars.length > this.most) this.bars.shift();
      this.peak = level;
      this.began += this.everyMs;
      // After a tab was hidden, what nobody measured is not made up.
      if (now - this.began > 1000) this.began = now;
    }
    return (now - this.began) / this.everyMs;
  }
}
