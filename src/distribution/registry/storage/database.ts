/**
 * The registry's database. One process has it open, under the folder's lock. A commit is in the log when it returns, which a
 * killed process cannot undo; that it is on disk, which a power cut cannot undo, is waited for apart, without holding up
 * the event loop, and for all requests of the moment together.
 */
import { Database } from "bun:sqlite";
import { closeSync, fdatasync, openSync, statSync } from "node:fs";
import { promisify } from "node:util";
import { TeuError } from "../../../base/index.ts";
import { GroupSync } from "../../../content/index.ts";
import { MIGRATIONS } from "./schema.ts";

/** The registry's folder was written by a newer teu than this one. */
export class RegistryTooNew extends TeuError<
  "registry-too-new",
  { path: string; version: number; known: number }
> {
  constructor(context: { path: string; version: number; known: number }) {
    super(
      "registry-too-new",
      "failed-precondition",
      context,
      `Cannot open ${JSON.stringify(context.path)}: its version is ${context.version}, this teu knows ${context.known}`,
      { hint: "Use the teu that wrote it, or a newer one" },
    );
  }
}

/** There are no records, or none that can be read, of a registry that has content: to begin new ones would be to have that collected. */
export class RegistryRecordsLost extends TeuError<"registry-records-lost", { path: string; why: string }> {
  constructor(context: { path: string; why: string }, options: { cause?: unknown } = {}) {
    super(
      "registry-records-lost",
      "data-loss",
      context,
      `Cannot open the registry's records ${JSON.stringify(context.path)}: ${context.why}`,
      {
        ...options,
        hint: "Put back a copy of the file; without one, move the registry's folder away, and have everything pushed again",
      },
    );
  }
}

/** What SQLite says of a file that lost bits, or never was a database, in our words; everything else as it is. */
export function asRecordsLost(error: unknown, path: string): unknown {
  // What ends with the storage may find the same again.
  if (error instanceof SuppressedError) {
    const first = asRecordsLost(error.suppressed, path);
    return first instanceof RegistryRecordsLost ? first : error;
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (!/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return error;
  return new RegistryRecordsLost({ path, why: "the file is damaged" }, { cause: error });
}

/**
 * Opens the database at `path`, making or migrating it first where that is needed.
 * @param hasContent  Whether there is something that records were of. @throws {RegistryRecordsLost} {RegistryTooNew}
 */
export function openDatabase(path: string, hasContent: () => boolean = () => false): Database {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (!size && hasContent()) {
    const why = size === undefined ? "the file is gone, and what it was of is there" : "the file is empty";
    throw new RegistryRecordsLost({ path, why });
  }
  try {
    return openWhole(path);
  } catch (error) {
    throw asRecordsLost(error, path);
  }
}

function openWhole(path: string): Database {
  const database = new Database(path, { create: true, strict: true });
  database.run("PRAGMA journal_mode = WAL");
  // The log is not synced by commits but by LogSync, and is emptied by Checkpoints.
  database.run("PRAGMA synchronous = OFF");
  database.run("PRAGMA wal_autocheckpoint = 0");
  database.run("PRAGMA foreign_keys = ON");
  database
    .transaction(() => {
      const version =
        database.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
      if (version > MIGRATIONS.length) throw new RegistryTooNew({ path, version, known: MIGRATIONS.length });
      for (const migration of MIGRATIONS.slice(version)) database.run(migration);
      database.run(`PRAGMA user_version = ${MIGRATIONS.length}`);
    })
    .immediate();
  return database;
}

/** Waits until what was committed before is on disk. */
export class LogSync implements Disposable {
  readonly #path: string;
  readonly #group = new GroupSync(() => this.#sync());
  #descriptor: number | undefined;
  #failure: unknown;

  /** @param path  The database's; its log lies beside it. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Requests of the same moment share one sync. */
  async wait(): Promise<void> {
    await this.#group.wait();
  }

  [Symbol.dispose](): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  async #sync(): Promise<void> {
    // After a sync that failed, one that succeeds proves nothing: the kernel has forgotten what it could not write.
    if (this.#failure !== undefined) throw this.#failure;
    try {
      this.#descriptor ??= openSync(`${this.#path}-wal`, "r");
      await promisify(fdatasync)(this.#descriptor);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }
}
