/** How fast a connection brings bytes, beside what is done with them. */

const WINDOW_MS = 50;
/** As fast as one processor hashes. */
const FAST_BYTES_PER_MS = ((256 << 20) / 1000) | 0;

/** Whether a connection is slow: we wait for it most of the time. Where it is not, others would only take turns with it. */
export class Pace {
  /** Settles when it is, or when the connection is done. */
  readonly isSlow: Promise<void>;
  /** Whether it was found to be. */
  wasSlow = false;
  readonly #settle: () => void;
  #begunAt = performance.now();
  #waitingSince = this.#begunAt;
  #waitedMs = 0;
  #bytes = 0;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.isSlow = promise;
    this.#settle = resolve;
  }

  wait(): void {
    this.#waitingSince = performance.now();
  }

  hear(bytes: number): void {
    const now = performance.now();
    this.#waitedMs += now - this.#waitingSince;
    this.#bytes += bytes;
    const windowMs = now - this.#begunAt;
    if (windowMs < WINDOW_MS) return;
    if (this.#waitedMs > windowMs / 2 && this.#bytes < FAST_BYTES_PER_MS * windowMs) {
      this.wasSlow = true;
      this.#settle();
    }
    this.#begunAt = now;
    [this.#waitedMs, this.#bytes] = [0, 0];
  }

  end(): void {
    this.#settle();
  }
}
