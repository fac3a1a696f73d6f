/** How many connections of this process bring blobs from one registry: a large blob may use several, but all together not more than a registry bears. */
import type { RegistryName } from "../../spec/index.ts";

const MOST = 8;

/** Those to one registry. */
export class Connections {
  /** Found out by asking; then nobody asks again. */
  ignoresRanges = false;
  #count = 0;
  readonly #waiting: (() => void)[] = [];

  /** One more, at once: every blob has one. */
  enter(): Disposable {
    this.#count += 1;
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#count -= 1;
        if (this.#count < MOST) this.#waiting.shift()?.();
      },
    };
  }

  /** One more, when there is room. Aborting ends the wait with the signal's reason. */
  async enterWhenFree(signal: AbortSignal): Promise<Disposable> {
    while (this.#count >= MOST) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const stop = (): void => reject(signal.reason);
      this.#waiting.push(resolve);
      signal.addEventListener("abort", stop);
      try {
        signal.throwIfAborted();
        await promise;
      } finally {
        signal.removeEventListener("abort", stop);
        const at = this.#waiting.indexOf(resolve);
        if (at >= 0) this.#waiting.splice(at, 1);
        // Who was called and leaves all the same passes the call on.
        else if (signal.aborted) this.#waiting.shift()?.();
      }
    }
    return this.enter();
  }
}

const ALL = new Map<RegistryName, Connections>();

/** Those to `registry`, of all clients. */
export function connectionsTo(registry: RegistryName): Connections {
  const known = ALL.get(registry) ?? new Connections();
  ALL.set(registry, known);
  return known;
}
