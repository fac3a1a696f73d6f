/** Syncs that many wait for together: who comes while one is under way shares the next, which begins after what he did. */
export class GroupSync {
  readonly #sync: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** @param sync  Makes durable what was done before it was called. */
  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  /** Waits until what was done before is on disk. */
  async wait(): Promise<void> {
    if (this.#running === undefined) return await this.#start();
    this.#next ??= this.#running
      .catch(() => undefined) // its own callers hear of it
      .then(() => {
        this.#next = undefined;
        return this.#start();
      });
    await this.#next;
  }

  #start(): Promise<void> {
    this.#running = this.#sync().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }
}
