/** The keys that leave a container running, looked for in what is typed. Source: docker attach reference. */

/** What of a piece goes to the container, and whether somebody leaves after it. */
export interface Typed {
  readonly bytes: Uint8Array;
  readonly isDetached: boolean;
}

/**
 * Holds back what may be the beginning of the keys until it is known: a shell that got ctrl-p alone would show the command of before
 * to who comes back, ready to be run.
 */
export class DetachKeys {
  readonly #keys: readonly number[];
  /** How many of the keys have come. */
  #held = 0;

  /** @param keys  Bytes; none: nobody can leave. */
  constructor(keys: readonly number[]) {
    this.#keys = keys;
  }

  /** What is typed next. */
  read(piece: Uint8Array): Typed {
    const keys = this.#keys;
    if (keys.length === 0) return { bytes: piece, isDetached: false };
    const passed: number[] = [];
    for (const key of piece) {
      if (key === keys[this.#held]) this.#held++;
      else {
        passed.push(...keys.slice(0, this.#held));
        this.#held = key === keys[0] ? 1 : 0;
        if (this.#held === 0) passed.push(key);
      }
      if (this.#held === keys.length) return { bytes: Uint8Array.from(passed), isDetached: true };
    }
    return { bytes: Uint8Array.from(passed), isDetached: false };
  }
}
