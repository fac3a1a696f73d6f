/** When manifests were pulled last: noted in memory, since a pull shall write nothing, and written down once a minute. */
import type { Digest, RepositoryName } from "../../../spec/index.ts";
import type { SqliteUpkeep } from "../storage/sqlite-upkeep.ts";

/** More pulled manifests than this in a minute are written down at once. */
const MAX_NOTED = 10_000;

/** Notes of one registry. */
export class PullTimes {
  readonly #upkeep: SqliteUpkeep;
  #noted = new Map<string, { repository: RepositoryName; digest: Digest; atMs: number }>();

  constructor(upkeep: SqliteUpkeep) {
    this.#upkeep = upkeep;
  }

  note(repository: RepositoryName, digest: Digest): void {
    this.#noted.set(`${repository}@${digest}`, { repository, digest, atMs: Date.now() });
    if (this.#noted.size >= MAX_NOTED) this.write();
  }

  /** Writes down what was noted. */
  write(): void {
    if (this.#noted.size === 0) return;
    const noted = this.#noted;
    this.#noted = new Map();
    this.#upkeep.notePulls(noted.values());
  }
}
