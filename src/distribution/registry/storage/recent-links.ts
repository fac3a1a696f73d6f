/** Manifests that were asked for lately: what a pull asks is mostly what the pull before asked, and one look into SQLite takes longer than all else. */
import type { Database } from "bun:sqlite";
import type { ManifestLink } from "./metadata.ts";

/** Some 300 bytes each. */
const MAX_LINKS = 4096;

/** Forgotten whole as soon as the connection changes anything, whoever does it; nobody else writes to the database. */
export class RecentLinks {
  readonly #database: Database;
  readonly #links = new Map<string, ManifestLink>();
  #changes = 0;

  constructor(database: Database) {
    this.#database = database;
  }

  /** What `look` finds, or found for the same key when nothing was changed since. */
  find(key: string, look: () => ManifestLink | undefined): ManifestLink | undefined {
    // What a transaction sees may never be.
    if (this.#database.inTransaction) return look();
    const changes =
      this.#database.query<{ total: number }, []>("SELECT total_changes() AS total").get()?.total ?? 0;
    if (changes !== this.#changes || this.#links.size >= MAX_LINKS) this.#links.clear();
    this.#changes = changes;
    const known = this.#links.get(key);
    if (known !== undefined) return known;
    const found = look();
    if (found !== undefined) this.#links.set(key, found);
    return found;
  }
}
