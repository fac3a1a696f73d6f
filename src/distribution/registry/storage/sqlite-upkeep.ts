/**
 * The questions and changes of upkeep: what is old, what nothing leads to, what all adds up to. Each call looks at a bounded
 * number of rows, so that it holds up the event loop for a few milliseconds. Marks lie in temporary tables, which end
 * with the connection and grow on disk where they grow.
 */
import type { Database } from "bun:sqlite";
import { setImmediate as yieldToOthers } from "node:timers/promises";
import type { Digest, RepositoryName, Tag } from "../../../spec/index.ts";
import type { TagTimes } from "../upkeep/retention.ts";
import type { Checkpoints } from "./checkpoints.ts";
import { type LogSync, RegistryRecordsLost } from "./database.ts";
import type { Slice } from "./metadata.ts";
import type { SqliteEvents } from "./sqlite-events.ts";

/** Rows of one step. */
const BATCH = 250;
/** Others wait so long: rows with much that goes with them end a step early. */
const STEP_MS = 5;
/** Marks that are searched from, or forgotten, in the first step; the next ones are as large as that one's time says. */
const FIRST_MARKS = 64;
const MAX_FORGOTTEN = 100;
/** So many rows, with what went with them, may be in the log alone. */
const REMOVED = 1_000;
const NUMBER = "(SELECT number FROM repositories WHERE name = ?1)";

/** See `DIGEST_TAG`. */
const IS_NO_DIGEST_TAG = `NOT (tag GLOB 'sha256-[0-9a-f]*' AND length(tag) >= 71
  OR tag GLOB 'sha512-[0-9a-f]*' AND length(tag) >= 135)`;

/** What something is and how large. */
export interface Sized {
  readonly digest: Digest;
  readonly size: number;
}

/** Numbers of rows, and what repositories hold in all. */
export interface Counts {
  readonly repositories: number;
  readonly tags: number;
  readonly manifests: number;
  readonly blobs: number;
  readonly uploads: number;
  readonly bytes: number;
}

/** A blob or a manifest of a repository. */
export interface Held extends Sized {
  readonly kind: "blob" | "manifest";
  readonly repository: RepositoryName;
  readonly mediaType: string;
}

/** See the file's head. */
export class SqliteUpkeep {
  readonly #database: Database;
  readonly #log: LogSync;
  readonly #checkpoints: Checkpoints;
  readonly #events: SqliteEvents;
  #removed = 0;
  /** The last mark from which the search went on. */
  #searched = 0;
  #marks = FIRST_MARKS;
  /** The last tag that was taken as a root; undefined: all were. */
  #rootsAfter: string | undefined;
  /** What was pushed since is a root too. */
  #rootsSince = 0;

  constructor(database: Database, log: LogSync, checkpoints: Checkpoints, events: SqliteEvents) {
    this.#database = database;
    this.#log = log;
    this.#checkpoints = checkpoints;
    this.#events = events;
    database.run("PRAGMA temp_store = FILE");
    // What one statement changes, to be undone if it fails.
    database.run("PRAGMA temp.journal_mode = MEMORY");
    database.run("CREATE TEMP TABLE marked (place INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE)");
    database.run(
      "CREATE TEMP TABLE doomed (repository INTEGER, digest TEXT, size INTEGER, PRIMARY KEY (digest, repository)) WITHOUT ROWID",
    );
    database.run("CREATE TEMP TABLE doomed_tags (tag TEXT PRIMARY KEY) WITHOUT ROWID");
  }

  /** Waits until what was changed is on disk, and lets its events be told. */
  async durable(): Promise<void> {
    await this.#log.wait();
    this.#events.announce();
  }

  /** Names of all repositories, also of those without manifests. */
  repositories({ after, limit }: Slice): RepositoryName[] {
    const sql = "SELECT name FROM repositories WHERE name > ?1 ORDER BY name LIMIT ?2";
    return this.#database
      .query<{ name: RepositoryName }, [string, number]>(sql)
      .all(after, limit)
      .map(({ name }) => name);
  }

  tagTimes(repository: RepositoryName, { after, limit }: Slice): TagTimes[] {
    const sql = `SELECT tag, digest, tags.pushed_at AS pushedAtMs, pulled_at AS pulledAtMs
      FROM tags JOIN manifests USING (repository, digest) WHERE repository = ${NUMBER} AND tag > ?2 ORDER BY tag LIMIT ?3`;
    return this.#database.query<TagTimes, [string, string, number]>(sql).all(repository, after, limit);
  }

  async deleteTagPushedBefore(repository: RepositoryName, tag: Tag, beforeMs: number): Promise<boolean> {
    const sql = `DELETE FROM tags WHERE repository = ${NUMBER} AND tag = ?2 AND pushed_at < ?3`;
    const isDeleted = this.#database
      .transaction(() => {
        if (this.#database.query(sql).run(repository, tag, beforeMs).changes === 0) return false;
        this.#events.add({ type: "tag.deleted", repository, data: { tag } });
        return true;
      })
      .immediate();
    await this.durable();
    return isDeleted;
  }

  /** Notes when manifests were pulled. */
  notePulls(pulls: Iterable<{ repository: RepositoryName; digest: Digest; atMs: number }>): void {
    const sql = `UPDATE manifests SET pulled_at = ?3 WHERE repository = ${NUMBER} AND digest = ?2`;
    const query = this.#database.query(sql);
    this.#database.transaction(() => {
      for (const { repository, digest, atMs } of pulls) query.run(repository, digest, atMs);
    })();
  }

  /** Waits, after some steps that removed something, until that is in its place: without a pause the log would only grow. */
  async place(): Promise<void> {
    if (this.#removed < REMOVED) return;
    this.#removed = 0;
    await this.#checkpoints.place();
  }

  /** In a dry run: a tag of the repository at hand that would go. */
  doomTag(tag: Tag): void {
    this.#database.query("INSERT OR IGNORE INTO doomed_tags VALUES (?1)").run(tag);
  }

  /** Begins to mark what tags lead to, when the marks of the repository before are forgotten. */
  beginMarking(): void {
    this.#searched = 0;
    this.#marks = FIRST_MARKS;
    this.#rootsAfter = "";
    this.#rootsSince = Date.now() - 1;
  }

  /** Marks a step further. @returns true: everything that can be reached is marked, at this moment */
  mark(repository: RepositoryName): boolean {
    if (this.#rootsAfter !== undefined) {
      this.#rootsAfter = this.#markTags(repository, this.#rootsAfter);
      return false;
    }
    this.#markPushed(repository);
    const sql =
      "SELECT max(place) AS last FROM (SELECT place FROM marked WHERE place > ?1 ORDER BY place LIMIT ?2)";
    const step = this.#database.query<{ last: number | null }, [number, number]>(sql);
    const last = step.get(this.#searched, this.#marks)?.last ?? null;
    if (last === null) return true;
    const begin = performance.now();
    const from = `marked WHERE place > ?2 AND place <= ?3`;
    for (const reached of [
      `SELECT child FROM children WHERE repository = ${NUMBER} AND manifest IN (SELECT digest FROM ${from})`,
      `SELECT digest FROM manifests WHERE repository = ${NUMBER} AND subject IN (SELECT digest FROM ${from})`,
      // sha256-HEX and whatever begins so and goes on with "-" or ".": "/" is the byte after ".".
      `SELECT tags.digest FROM (SELECT replace(digest, ':', '-') AS name FROM ${from})
        JOIN tags ON repository = ${NUMBER} AND tag >= name AND tag < name || '/'`,
    ])
      this.#database
        .query(`INSERT OR IGNORE INTO marked (digest) ${reached}`)
        .run(repository, this.#searched, last);
    this.#searched = last;
    const tookMs = performance.now() - begin;
    // One mark may be of an index of thousands, another of nothing.
    if (tookMs > STEP_MS) this.#marks = Math.max(1, this.#marks >> 1);
    else if (tookMs < STEP_MS / 2) this.#marks = Math.min(BATCH, this.#marks * 2);
    return false;
  }

  /**
   * Removes those of the next manifests after `after` that are not marked and older than `beforeMs`; in a dry run it only
   * notes them. @returns them, and where to go on after
   */
  removeUnmarked(
    repository: RepositoryName,
    beforeMs: number,
    after: string,
    isDryRun: boolean,
  ): { removed: Sized[]; last: string | undefined } {
    const sql = `SELECT digest, size, pushed_at < ?3 AND digest NOT IN (SELECT digest FROM marked) AS isGarbage
      FROM manifests WHERE repository = ${NUMBER} AND digest > ?2 ORDER BY digest LIMIT ${BATCH}`;
    const { garbage, last } = this.#remove("manifests", sql, repository, beforeMs, after, isDryRun);
    return { removed: garbage, last };
  }

  /**
   * Forgets a step's worth of what was noted of the repository at hand, marks and tags that would go, or of a collection: what would go
   * in a dry run. @returns true: nothing was left to forget
   */
  forget(what: "repository" | "collection"): boolean {
    const some = (table: string, key: string): string =>
      `DELETE FROM ${table} WHERE ${key} IN (SELECT ${key} FROM ${table} ORDER BY ${key} LIMIT ${MAX_FORGOTTEN})`;
    const all =
      what === "collection"
        ? [some("doomed", "digest")]
        : [some("marked", "place"), some("doomed_tags", "tag")];
    return all.every((sql) => this.#database.query(sql).run().changes === 0);
  }

  /** Unlinks blobs that no manifest refers to and that are older than `beforeMs`. @returns them, and where to go on after */
  unlinkUnmentioned(
    repository: RepositoryName,
    beforeMs: number,
    after: string,
    isDryRun: boolean,
  ): { unlinked: Sized[]; last: string | undefined } {
    const sql = `SELECT digest, size, linked_at < ?3 AND NOT EXISTS (
        SELECT 1 FROM children WHERE children.repository = blobs.repository AND child = digest AND NOT EXISTS (
          SELECT 1 FROM doomed WHERE doomed.repository = children.repository AND doomed.digest = manifest)
      ) AS isGarbage FROM blobs WHERE repository = ${NUMBER} AND digest > ?2 ORDER BY digest LIMIT ${BATCH}`;
    const { garbage, last } = this.#remove("blobs", sql, repository, beforeMs, after, isDryRun);
    return { unlinked: garbage, last };
  }

  /** Looks at some rows and removes the garbage among them, in one transaction. */
  #remove(
    table: "manifests" | "blobs",
    sql: string,
    repository: RepositoryName,
    beforeMs: number,
    after: string,
    isDryRun: boolean,
  ): { garbage: Sized[]; last: string | undefined } {
    type Row = Sized & { isGarbage: number };
    return this.#database
      .transaction(() => {
        const rows = this.#database
          .query<Row, [string, string, number]>(sql)
          .all(repository, after, beforeMs);
        const garbage: Sized[] = [];
        const endMs = performance.now() + STEP_MS;
        let last: Digest | undefined;
        for (const { isGarbage, ...one } of rows) {
          // What is not looked at any more is looked at first in the next step.
          if (last !== undefined && performance.now() >= endMs) break;
          last = one.digest;
          if (isGarbage === 0) continue;
          garbage.push(one);
          // Else what it is made of goes with it, and nobody need know that it was there.
          if (isDryRun) {
            this.#doom(repository, one);
            continue;
          }
          this.#database
            .query(`DELETE FROM ${table} WHERE repository = ${NUMBER} AND digest = ?2`)
            .run(repository, one.digest);
          this.#removed += 1;
          this.#shrink(repository, one.size);
          if (table === "manifests")
            this.#events.add({ type: "manifest.deleted", repository, data: { digest: one.digest } });
        }
        return { garbage, last };
      })
      .immediate();
  }

  /** What a dry run noted and no repository would hold any more. */
  async *doomedEverywhere(): AsyncGenerator<Sized, void, void> {
    const spared = (
      table: string,
    ): string => `SELECT 1 FROM ${table} AS held WHERE held.digest = doomed.digest
      AND NOT EXISTS (SELECT 1 FROM doomed AS other WHERE other.digest = held.digest AND other.repository = held.repository)`;
    const sql = `SELECT digest, size, EXISTS (${spared("blobs")}) OR EXISTS (${spared("manifests")}) AS isSpared
      FROM doomed WHERE digest > ?1 GROUP BY digest ORDER BY digest LIMIT ${BATCH}`;
    for (let after = ""; ; await yieldToOthers()) {
      const rows = this.#database.query<Sized & { isSpared: number }, [string]>(sql).all(after);
      for (const { digest, size, isSpared } of rows) if (isSpared === 0) yield { digest, size };
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last.digest;
    }
  }

  /** Everything that repositories hold, ordered by digest. */
  async *held(): AsyncGenerator<Held, void, void> {
    const rows = (table: string, kind: string, mediaType: string): string =>
      `SELECT '${kind}' AS kind, name AS repository, digest, size, ${mediaType} AS mediaType FROM ${table}
        JOIN repositories ON number = repository WHERE digest = ?1`;
    const next = this.#database.query<{ digest: Digest | null }, [string]>(
      `SELECT min(digest) AS digest FROM (SELECT min(digest) AS digest FROM blobs WHERE digest > ?1
        UNION ALL SELECT min(digest) FROM manifests WHERE digest > ?1)`,
    );
    const all = this.#database.query<Held, [string]>(
      `${rows("blobs", "blob", "''")} UNION ALL ${rows("manifests", "manifest", "media_type")}`,
    );
    for (let after = ""; ; await yieldToOthers()) {
      const digest = next.get(after)?.digest ?? undefined;
      if (digest === undefined) return;
      yield* all.all(digest);
      after = digest;
    }
  }

  isStillHeld({ kind, repository, digest }: Held): boolean {
    const sql = `SELECT 1 FROM ${kind}s WHERE repository = ${NUMBER} AND digest = ?2`;
    return this.#database.query(sql).get(repository, digest) !== null;
  }

  /** Repositories whose sum of bytes is not what they hold. */
  async *wrongSums(): AsyncGenerator<
    { repository: RepositoryName; bytes: number; actual: number },
    void,
    void
  > {
    type Row = { repository: RepositoryName; bytes: number; actual: number };
    const sql = `SELECT name AS repository, bytes,
      coalesce((SELECT sum(size) FROM blobs WHERE repository = number), 0) +
      coalesce((SELECT sum(size) FROM manifests WHERE repository = number), 0) AS actual
      FROM repositories WHERE name > ?1 ORDER BY name LIMIT 1`;
    const next = this.#database.query<Row, [string]>(sql);
    for (let row = next.get(""); row !== null; row = next.get(row.repository)) {
      if (row.bytes !== row.actual) yield row;
      await yieldToOthers();
    }
  }

  /** No longer says that a repository holds something, whatever its tags; for what is lost. */
  async drop(kind: "blob" | "manifest", repository: RepositoryName, digest: Digest): Promise<void> {
    const where = `repository = ${NUMBER} AND digest = ?2`;
    this.#database
      .transaction(() => {
        const size = this.#database.query<{ size: number }, [string, string]>(
          `SELECT size FROM ${kind}s WHERE ${where}`,
        );
        this.#shrink(repository, size.get(repository, digest)?.size ?? 0);
        const { changes } = this.#database
          .query(`DELETE FROM ${kind}s WHERE ${where}`)
          .run(repository, digest);
        if (kind === "manifest" && changes > 0)
          this.#events.add({ type: "manifest.deleted", repository, data: { digest } });
      })
      .immediate();
    await this.durable();
  }

  /** Makes a repository's sum of bytes what it holds. */
  async settleSum(repository: RepositoryName): Promise<void> {
    const sum = (table: string): string =>
      `coalesce((SELECT sum(size) FROM ${table} WHERE repository = number), 0)`;
    this.#database
      .query(`UPDATE repositories SET bytes = ${sum("blobs")} + ${sum("manifests")} WHERE name = ?1`)
      .run(repository);
    await this.durable();
  }

  /** Reads all of the database, which holds everybody up. @throws {RegistryRecordsLost} and what SQLite throws */
  requireWhole(): void {
    const { quick_check: said } = this.#database
      .query<{ quick_check: string }, []>("PRAGMA quick_check(1)")
      .get() ?? { quick_check: "ok" };
    if (said !== "ok") throw new RegistryRecordsLost({ path: this.#database.filename, why: said });
  }

  /** How many of each there are. */
  counts(): Counts {
    const count = (table: string): string => `(SELECT count(*) FROM ${table}) AS ${table}`;
    const sql = `SELECT ${["repositories", "tags", "manifests", "blobs", "uploads"].map(count).join(", ")},
      (SELECT coalesce(sum(bytes), 0) FROM repositories) AS bytes`;
    return this.#database.query<Counts, []>(sql).get() as Counts; // always one row
  }

  /** Marks what some tags name, but for those named by a subject's digest: they go with it. @returns where to go on */
  #markTags(repository: RepositoryName, after: string): string | undefined {
    const page = `SELECT tag, digest FROM tags WHERE repository = ${NUMBER} AND tag > ?2 ORDER BY tag LIMIT ${BATCH}`;
    this.#database
      .query(
        `INSERT OR IGNORE INTO marked (digest) SELECT digest FROM (${page}) WHERE ${IS_NO_DIGEST_TAG}
        AND tag NOT IN (SELECT tag FROM doomed_tags)`,
      )
      .run(repository, after);
    const last = this.#database.query<{ last: string | null }, [string, string]>(
      `SELECT max(tag) AS last FROM (${page})`,
    );
    return last.get(repository, after)?.last ?? undefined;
  }

  /** Marks what was pushed or tagged since the last look. */
  #markPushed(repository: RepositoryName): void {
    const since = this.#rootsSince;
    // Another push of this very millisecond may come.
    this.#rootsSince = Date.now() - 1;
    for (const table of ["tags", "manifests"])
      this.#database
        .query(
          `INSERT OR IGNORE INTO marked (digest) SELECT digest FROM ${table} WHERE repository = ${NUMBER} AND pushed_at >= ?2
          ${table === "tags" ? `AND ${IS_NO_DIGEST_TAG}` : ""}`,
        )
        .run(repository, since);
  }

  #doom(repository: RepositoryName, { digest, size }: Sized): void {
    this.#database
      .query(`INSERT OR IGNORE INTO doomed VALUES (${NUMBER}, ?2, ?3)`)
      .run(repository, digest, size);
  }

  #shrink(repository: RepositoryName, bytes: number): void {
    this.#database.query("UPDATE repositories SET bytes = bytes - ?2 WHERE name = ?1").run(repository, bytes);
  }
}
