/**
 * What keeps content from being swept between its arrival and its link. Whoever is about to link content holds it; the
 * sweeper first condemns what it believes that nobody links, then makes sure, and only then executes: whoever holds it
 * meanwhile has saved it.
 */
import type { Digest } from "../../../spec/index.ts";

/** The holds of one process, which alone has the store. */
export class Pins {
  readonly #held = new Map<Digest, number>();
  readonly #condemned = new Set<Digest>();

  /** Keeps `digest` until disposed of. */
  hold(digest: Digest): Disposable {
    this.#condemned.delete(digest);
    this.#held.set(digest, (this.#held.get(digest) ?? 0) + 1);
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        const others = (this.#held.get(digest) ?? 1) - 1;
        if (others === 0) this.#held.delete(digest);
        else this.#held.set(digest, others);
      },
    };
  }

  /** Says that `digest` may go. @returns false: somebody holds it */
  condemn(digest: Digest): boolean {
    if (this.#held.has(digest)) return false;
    this.#condemned.add(digest);
    return true;
  }

  /** Ends what `condemn()` began. @returns whether nobody held `digest` meanwhile: it may go, before the next await */
  execute(digest: Digest): boolean {
    return this.#condemned.delete(digest);
  }
}
