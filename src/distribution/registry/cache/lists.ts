/**
 * Lists of upstreams: tags, and what refers to a manifest. Each is asked for once for all who ask at the moment, and believed for a while. They are in
 * memory alone: what was pulled stands in for a list that does not come.
 */

/** For so long an upstream that did not answer is not asked again for the same list. */
const FAILED_MS = 5_000;
/** Of all lists that are believed. */
const MAX_ENTRIES = 100_000;
const MAX_LISTS = 10_000;

interface Known {
  /** Undefined: it did not come. */
  readonly entries: Promise<readonly unknown[] | undefined>;
  untilMs: number;
  /** How many they are. */
  count: number;
}

/** See the file's head. */
export class Lists {
  readonly #known = new Map<string, Known>();
  #count = 0;

  /**
   * The list that goes by `key`, got by `list` unless it was a moment ago; undefined where it cannot be had.
   * @param key  Its kind, repository and whatever else it is of: always lists of the same kind of entries.
   */
  async ask<T>(
    key: string,
    freshMs: number,
    list: () => Promise<readonly T[]>,
  ): Promise<readonly T[] | undefined> {
    const before = this.#known.get(key);
    if (before !== undefined && Date.now() < before.untilMs)
      return (await before.entries) as readonly T[] | undefined; // see `key`
    const entries = list().catch(() => undefined); // why is told of pulls; a list has what stands in for it
    const known: Known = { entries, untilMs: Number.POSITIVE_INFINITY, count: 0 };
    this.#known.set(key, known);
    this.#count -= before?.count ?? 0;
    const got = await entries;
    known.count = this.#known.get(key) === known ? (got?.length ?? 0) : 0; // all may have been forgotten meanwhile
    this.#count += known.count;
    known.untilMs = Date.now() + (got === undefined ? FAILED_MS : freshMs);
    if (this.#count > MAX_ENTRIES || this.#known.size > MAX_LISTS) {
      this.#known.clear();
      this.#count = 0;
    }
    return got;
  }
}
