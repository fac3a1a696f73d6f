/**
 * Opens the records. Many processes may do so at once, at any moment, and any of them may be killed:
 * a new database appears whole, by rename; a migration is one transaction; both under a lock that dies with its holder.
 */
import { Database } from "bun:sqlite";
import { endBy, splitPath, TeuError } from "../../base/index.ts";
import {
  check,
  closeSync,
  existsSync,
  lockFile,
  mkdirSync,
  O,
  openSync,
  removeSync,
  renameSync,
  syscall,
} from "../../sys/index.ts";
import { MIGRATIONS } from "./schema.ts";

/** The records were written by a newer teu than this one. */
export class StoreTooNew extends TeuError<"store-too-new", { path: string; version: number; known: number }> {
  constructor(context: { path: string; version: number; known: number }) {
    super(
      "store-too-new",
      "failed-precondition",
      context,
      `Cannot open ${JSON.stringify(context.path)}: its version is ${context.version}, this teu knows ${context.known}`,
      { hint: "Use the teu that wrote it, or a newer one; or another store by TEU_ROOT" },
    );
  }
}

/** There are no records, or none that can be read, of a store that has content: to make new ones would be to forget all of it. */
export class RecordsLost extends TeuError<"records-lost", { path: string; why: string }> {
  constructor(context: { path: string; why: string }, options: { cause?: unknown } = {}) {
    super(
      "records-lost",
      "data-loss",
      context,
      `Cannot open the records ${JSON.stringify(context.path)}: ${context.why}`,
      { ...options, hint: "'teu system repair' makes them again of what is there" },
    );
  }
}

const BUSY_TIMEOUT_MS = 30_000;

/**
 * So many pages of the log are written into the database by whoever comes to them. The first command that opens the database reads what is
 * in the log: 1000, SQLite's own figure, cost it two milliseconds, these half of one.
 */
const CHECKPOINT_PAGES = 250;

/**
 * Opens the database at `path`, and makes or migrates it first where that is needed. It is left open when the process
 * ends: the last one that closes it pays for a checkpoint, and the next one for a new log, six waits for the disk in all; and Bun
 * closes it, unless the process is gone before Bun can.
 */
export function openDatabase(path: string, hasContent: () => boolean = () => false): Database {
  if (!existsSync(path)) {
    mkdirSync(splitPath(path).directory, { recursive: true, mode: 0o700 });
    if (hasContent()) throw new RecordsLost({ path, why: "they are gone, and what they were of is there" });
    createDatabase(path);
  }
  const { database, version } = openWhole(path);
  // An empty file is a database to SQLite, and never one of ours.
  if (version === 0 && hasContent()) throw new RecordsLost({ path, why: "the file is empty" });
  if (version !== MIGRATIONS.length) migrateUnderLock(database, path);
  endBy((status) => void syscall("exit_group", status));
  return database;
}

function openWhole(path: string): { database: Database; version: number } {
  try {
    const database = connect(path);
    return { database, version: versionOf(database) };
  } catch (error) {
    throw isDamage(error) ? new RecordsLost({ path, why: "the file is damaged" }, { cause: error }) : error;
  }
}

/** Whether SQLite says that the file lost bits. */
export function isDamage(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return /^SQLITE_(CORRUPT|NOTADB|IOERR_SHORT_READ)/.test(code);
}

/** Makes a new database at `path`, whatever lies there, in the way that a start does. The caller sees to it that nobody uses it. */
export function makeDatabase(path: string): Database {
  for (const suffix of ["", "-wal", "-shm"]) removeSync(`${path}${suffix}`);
  return openDatabase(path);
}

/**
 * Runs `work`, which writes, and waits for no disk: what it wrote is there for every process at once, whoever is killed, but may be lost with
 * the machine's power, whole, and then all that was written after it is lost as well. For what means nothing after that: who works on what, and
 * what becomes of containers that were to leave nothing.
 */
export function withoutWaiting<T>(database: Database, work: () => T): T {
  if (database.inTransaction) return work();
  database.run("PRAGMA synchronous = NORMAL");
  try {
    return work();
  } finally {
    database.run("PRAGMA synchronous = FULL");
  }
}

/**
 * Runs `work` in one transaction, for every process to see when this returns, and has a thread of Bun's wait for the disk.
 * @returns a promise that is kept when what was written outlives the machine's power
 */
export function withWaitingThread(database: Database, work: () => void): Promise<void> {
  withoutWaiting(database, () => inTransaction(database, work));
  // What of the log another process has taken into the database by now, it has synced there.
  const log = openSync(`${database.filename}-wal`, O.RDONLY);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  process.getBuiltinModule("node:fs").fdatasync(log, (error) => {
    closeSync(log);
    if (error === null || error === undefined) resolve();
    else reject(error);
  });
  return promise;
}

/** Runs `work` in one transaction that has the right to write from its first statement on. */
export function inTransaction<T>(database: Database, work: () => T): T {
  return database.transaction(work).immediate();
}

interface Waiting {
  readonly work: () => unknown;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

const waiting = new WeakMap<Database, Waiting[]>();

/**
 * Runs `work` in one transaction with all that this process asks for at the same moment: many that end wait for the disk once, not each by
 * itself. Where it throws, nothing of it stays, and the others' does. @returns what it returned, when that is on disk
 */
export function togetherWithOthers<T>(database: Database, work: () => T): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const mine = { work, resolve: resolve as (result: unknown) => void, reject }; // it is given what `work` returns
    const others = waiting.get(database);
    if (others !== undefined) {
      others.push(mine);
      return;
    }
    waiting.set(database, [mine]);
    setImmediate(() => commitWaiting(database));
  });
}

function commitWaiting(database: Database): void {
  const all = waiting.get(database) ?? [];
  waiting.delete(database);
  const tell: (() => void)[] = [];
  try {
    inTransaction(database, () => {
      for (const { work, resolve, reject } of all)
        try {
          const result = database.transaction(work)(); // inside of another: a savepoint
          tell.push(() => resolve(result));
        } catch (error) {
          if (!database.inTransaction) throw error; // a full disk takes the others' work with it
          tell.push(() => reject(error));
        }
    });
  } catch (error) {
    for (const { reject } of all) reject(error);
    return;
  }
  for (const one of tell) one();
}

function connect(path: string): Database {
  const database = new Database(path, { create: true, strict: true });
  database.run(
    `PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`,
  );
  return database;
}

/**
 * Two processes that switch one new database to WAL at the same moment get SQLITE_BUSY whatever the timeout; and one
 * that is killed meanwhile would leave a file without tables. So it is made aside and renamed when it is whole.
 */
function createDatabase(path: string): void {
  using _lock = lockFile(`${path}.lock`);
  if (existsSync(path)) return; // another process was first
  // What is left of one that was removed would be taken for the new one's.
  for (const suffix of ["-wal", "-shm"]) removeSync(`${path}${suffix}`);
  const aside = `${path}.new`;
  for (const suffix of ["", "-wal", "-shm"]) removeSync(`${aside}${suffix}`);
  const database = connect(aside);
  database.run("PRAGMA journal_mode = WAL");
  migrate(database, path);
  database.close(true); // the log goes into the file, and the file to the disk
  renameSync(aside, path);
  const folder = openSync(splitPath(path).directory, O.RDONLY);
  try {
    check(syscall("fsync", folder), "fsync", path);
  } finally {
    closeSync(folder);
  }
}

function migrateUnderLock(database: Database, path: string): void {
  using _lock = lockFile(`${path}.lock`);
  migrate(database, path);
}

function migrate(database: Database, path: string): void {
  inTransaction(database, () => {
    const version = versionOf(database);
    if (version > MIGRATIONS.length) throw new StoreTooNew({ path, version, known: MIGRATIONS.length });
    for (const migration of MIGRATIONS.slice(version)) database.run(migration);
    database.run(`PRAGMA user_version = ${MIGRATIONS.length}`);
  });
}

function versionOf(database: Database): number {
  return database.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
}
