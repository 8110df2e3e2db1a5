/** Shows no speed before this much time has been measured: the first seconds vary too much. */
const WARM_UP_MS = 2_000;

/** The weight of what was measured before halves in this time. */
const HALF_LIFE_MS = 4_000;

/** Estimates the speed of uploads and the time left. */
export class SpeedMeter {
  private startedAt: number | undefined;
  private lastAt = 0;
  private lastSent = 0;
  private average = 0;

  /** Takes the bytes sent until now, at a time in milliseconds. */
  measure(sent: number, now: number): void {
    // Lower numbers are those of other uploads, or of a part that is sent again.
    if (this.startedAt === undefined || sent < this.lastSent) {
      this.startedAt ??= now;
      this.lastAt = now;
      this.lastSent = sent;
      return;
    }
    const elapsed = now - this.lastAt;
    if (elapsed <= 0) return;
    const speed = ((sent - this.lastSent) / elapsed) * 1000;
    const first = this.lastAt === this.startedAt && this.average === 0;
    const keep = first ? 0 : 0.5 ** (elapsed / HALF_LIFE_MS);
    this.average = this.average * keep + speed * (1 - keep);
    this.lastAt = now;
    this.lastSent = sent;
  }

  /** Starts over, as after a pause. */
  reset(): void {
    this.startedAt = undefined;
    this.average = 0;
    this.lastSent = 0;
  }

  /** Bytes per second, or undefined before it is known. */
  get speed(): number | undefined {
    if (this.startedAt === undefined || this.lastAt - this.startedAt < WARM_UP_MS) return undefined;
    return this.average;
  }

  /** The seconds that the remaining bytes will take, or undefined before it is known. */
  secondsFor(remaining: number): number | undefined {
    const { speed } = this;
    return speed === undefined || speed < 1 ? undefined : remaining / speed;
  }
}
