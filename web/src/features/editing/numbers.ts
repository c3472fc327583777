/** The numbers of segments: one that is made here has one of its own, below nought, until the server gives it
 * another. */
export class Numbers {
  private readonly aliases = new Map<number, number>();
  private readonly names = new Map<number, number>();
  private lowest = -1;

  /** A number that no segment has had. */
  fresh(): number {
    return this.lowest--;
  }

  /** These were given on an earlier visit. */
  taken(ids: readonly number[]): void {
    this.lowest = Math.min(this.lowest, ...ids.map((id) => id - 1));
  }

  /** The server calls `id` so. */
  learn(id: number, real: number): void {
    this.aliases.set(id, real);
    this.names.set(real, this.nameOf(id));
  }

  /** A segment's number, by the one that it had before the server gave it its own. */
  real(id: number): number {
    return this.aliases.get(id) ?? id;
  }

  /** A name that a segment keeps for as long as the page lasts. */
  nameOf(id: number): number {
    return this.names.get(id) ?? id;
  }
}
