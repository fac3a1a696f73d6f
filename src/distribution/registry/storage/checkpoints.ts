/**
 * Brings the log's pages to their place in the database, without holding up the event loop for the disk.
 *
 * SQLite's own checkpoints are a part of some commit and wait for two syncs there: a request in hundreds, and each step of a collection,
 * would stand for 50 ms. Here a connection that keeps a snapshot open says how far a checkpoint may go, so that no page gets to its place
 * before the log with it is on disk; and the log, which is needed after a power cut, is not emptied before the pages are on disk.
 * Source: https://www.sqlite.org/wal.html, sections 2.2 and 3; https://www.sqlite.org/walformat.html, section 2.3.
 */
import { Database, SQLiteError } from "bun:sqlite";
import { closeSync, fdatasync, openSync } from "node:fs";
import { promisify } from "node:util";
import type { LogSync } from "./database.ts";

/** So many changes may be in the log alone. */
const CHANGES = 64;
/** A log of fewer pages than this is not worth to be emptied. */
const LOG_PAGES = 4_096;
/**
 * The log is emptied when nothing came while the last pages were on their way. One of more pages than this is emptied whoever waits: else
 * it might grow as long as somebody writes.
 */
const MAX_LOG_PAGES = 16_384;

/** See the file's head. One for each database. */
export class Checkpoints implements Disposable {
  readonly #database: Database;
  readonly #log: Pick<LogSync, "wait">;
  readonly #path: string;
  /** Has a snapshot open, of when the last checkpoint began. */
  #holder: Database | undefined;
  #spare: Database | undefined;
  #placer: Database | undefined;
  #descriptor: number | undefined;
  #changes = 0;
  #running: Promise<void> | undefined;
  #failure: unknown;

  /** @param database  Whose commits make no checkpoints: see `openDatabase()`. @param path  Where it is */
  constructor(database: Database, log: Pick<LogSync, "wait">, path: string) {
    this.#database = database;
    this.#log = log;
    this.#path = path;
  }

  /** Something was committed. Begins a checkpoint now and then, which nobody need wait for. @throws what went wrong with the last one */
  note(): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#changes += 1;
    if (this.#changes < CHANGES) return;
    this.place().catch((error: unknown) => {
      this.#failure ??= error; // nobody waits for it: the next change tells
    });
  }

  /** Waits until what was committed before is in its place: for whoever writes without a pause. */
  async place(): Promise<void> {
    this.#running ??= this.#place().finally(() => {
      this.#running = undefined;
    });
    await this.#running;
  }

  /** Empties the log and closes the database; after a failure the log is kept as it is, to be read when the database is next opened. */
  [Symbol.dispose](): void {
    if (this.#failure !== undefined) return;
    this.#holder?.run("ROLLBACK");
    // Not left to the last connection that closes: each ends with its last statement, whenever that is collected.
    this.#empty();
    for (const one of [this.#placer, this.#holder, this.#spare, this.#database]) one?.close();
    // Not earlier: to close any descriptor of the file gives up the process's locks on it.
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }

  async #place(): Promise<void> {
    this.#changes = 0;
    if (this.#failure !== undefined) throw this.#failure;
    this.#placer ??= this.#connect();
    this.#descriptor ??= openSync(this.#path, "r");
    if (this.#holder !== undefined && isWhole(checkpoint(this.#placer, "PASSIVE"))) return;
    // The newer snapshot first: with none, the next commit might write over the log's beginning.
    const before = this.#holder;
    const holder = this.#spare ?? this.#connect();
    holder.run("BEGIN");
    holder.query("SELECT 1 FROM sqlite_schema LIMIT 1").get();
    before?.run("ROLLBACK");
    this.#holder = holder;
    this.#spare = before;
    await this.#synced(this.#log.wait());
    try {
      checkpoint(this.#placer, "PASSIVE");
    } catch (error) {
      // The pages stay in the log: whoever makes room by a collection must not end for want of it.
      if (error instanceof SQLiteError && error.code === "SQLITE_FULL") return;
      throw error;
    }
    await this.#synced(promisify(fdatasync)(this.#descriptor));
    const state = checkpoint(this.#placer, "PASSIVE");
    if (state.log <= (isWhole(state) ? LOG_PAGES : MAX_LOG_PAGES)) return;
    holder.run("ROLLBACK");
    this.#holder = undefined;
    this.#spare ??= holder;
    // Emptied, not written over: of pages written over, some might be on disk before the log's new head.
    if (isWhole(state)) checkpoint(this.#placer, "TRUNCATE");
    else this.#empty();
  }

  /** After a sync that failed what the log has is needed: the snapshot stays open, and the log as it is, whatever later syncs say. */
  async #synced(sync: Promise<void>): Promise<void> {
    try {
      await sync;
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  /** Waits for the disk, if only for what came since the last pages were on their way. */
  #empty(): void {
    this.#database.run("PRAGMA synchronous = FULL");
    checkpoint(this.#database, "TRUNCATE");
    this.#database.run("PRAGMA synchronous = OFF");
  }

  #connect(): Database {
    const database = new Database(this.#path, { strict: true });
    database.run("PRAGMA synchronous = OFF");
    database.run("PRAGMA wal_autocheckpoint = 0");
    return database;
  }
}

interface State {
  /** Pages in the log, and those of them that are in their place. */
  readonly log: number;
  readonly checkpointed: number;
}

function checkpoint(database: Database, how: "PASSIVE" | "TRUNCATE"): State {
  const sql = `PRAGMA wal_checkpoint(${how})`;
  const row = database.query<State & { busy: number }, []>(sql).get();
  // Only this process has the database open, and none of its statements is under way between two turns.
  if (row === null || (how === "TRUNCATE" && row.busy !== 0)) throw new Error("the log is being read");
  return row;
}

function isWhole({ log, checkpointed }: State): boolean {
  return log === checkpointed;
}
