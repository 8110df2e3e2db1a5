/** Whether somebody still wants a result that several may share. */
export class Wanted {
  private count = 0;
  private begun = false;
  private readonly controller = new AbortController();

  /** Adds someone who wants it until the signal aborts; without a signal, to the end. */
  by(signal: AbortSignal | undefined): void {
    this.count += 1;
    signal?.addEventListener('abort', () => {
      this.count -= 1;
      if (this.count === 0) this.controller.abort(signal.reason);
    });
  }

  /** Aborts when it isn't wanted any longer. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Says that the work has begun. From here on it runs to its end, so others may still share it. */
  begin(): void {
    this.begun = true;
  }

  /** Whether it was given up before it began. */
  get isGivenUp(): boolean {
    return this.signal.aborted && !this.begun;
  }
}

/** Limits how many downloads run at once. The newest request goes first: it is what is on screen. */
export class Slots {
  private free: number;
  private readonly queue: (() => void)[] = [];

  constructor(count: number) {
    this.free = count;
  }

  /** Waits for a slot, unless it isn't wanted any longer: then it rejects. */
  async enter(wanted: Wanted): Promise<void> {
    const { signal } = wanted;
    signal.throwIfAborted();
    if (this.free > 0) {
      this.free -= 1;
      wanted.begin();
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const enter = () => {
        signal.removeEventListener('abort', leave);
        wanted.begin();
        resolve();
      };
      const leave = () => {
        this.queue.splice(this.queue.indexOf(enter), 1);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.queue.push(enter);
    });
  }

  /** Passes the slot on. */
  leave(): void {
    const next = this.queue.pop();
    if (next === undefined) this.free += 1;
    else next();
  }
}
