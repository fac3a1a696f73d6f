import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasCode } from "../../base/index.ts";
import { inTransaction, openDatabase, togetherWithOthers, withoutWaiting } from "./database.ts";
import { MIGRATIONS } from "./schema.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "teu-database-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A process that opens the database at argv[1] and does what `body` says with `db`. */
function child(path: string, body: string): Bun.Subprocess<"ignore", "pipe", "pipe"> {
  const script = `
    const { openDatabase, inTransaction } = await import(${JSON.stringify(join(import.meta.dir, "database.ts"))});
    const db = openDatabase(process.argv[1]);
    ${body}`;
  return Bun.spawn([process.execPath, "-e", script, path], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

test("a new database is in WAL mode and knows the default namespace", () => {
  const database = openDatabase(join(folder, "new", "teu.db"));
  expect(database.query("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
  expect(database.query("SELECT name FROM namespaces").all()).toEqual([{ name: "default" }]);
});

test("processes that make the database at the same moment agree on one", async () => {
  const path = join(folder, "together.db");
  const children = Array.from({ length: 6 }, (_, number) =>
    child(
      path,
      `inTransaction(db, () => db.run("INSERT INTO namespaces VALUES ('n${number}', 1)")); console.log("ok");`,
    ),
  );
  for (const one of children) {
    expect(await one.stderr.text()).toBe("");
    expect(await one.stdout.text()).toBe("ok\n");
  }
  expect(openDatabase(path).query("SELECT count(*) AS n FROM namespaces").get()).toEqual({ n: 7 });
});

test("a process that is killed while it writes leaves whole transactions only", async () => {
  const path = join(folder, "killed.db");
  const writer = child(
    path,
    `console.log("writing");
     for (let i = 0; ; i++) inTransaction(db, () => {
       db.run("INSERT INTO namespaces VALUES ('a" + i + "', 1)");
       db.run("INSERT INTO namespaces VALUES ('b" + i + "', 1)");
     });`,
  );
  await writer.stdout.getReader().read();
  await Bun.sleep(50);
  writer.kill("SIGKILL");
  await writer.exited;
  const database = openDatabase(path);
  expect(database.query("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
  const count = (letter: string) =>
    database
      .query<{ n: number }, []>(`SELECT count(*) AS n FROM namespaces WHERE name LIKE '${letter}%'`)
      .get()?.n ?? 0;
  expect(count("b")).toBeGreaterThan(0);
  expect(count("a")).toBe(count("b"));
});

test("a process that is killed while it makes the database leaves the next one free to", () => {
  const path = join(folder, "half.db");
  // What such a process leaves: a lock file that nobody holds, and a half-made file aside.
  const half = new Database(`${path}.new`);
  half.run("CREATE TABLE namespaces (name TEXT)");
  half.close();
  expect(openDatabase(path).query("SELECT count(*) AS n FROM containers").get()).toEqual({ n: 0 });
  expect(existsSync(`${path}.new`)).toBe(false);
});

test("openDatabase() takes the log that a removed database left for nothing of the new one's", () => {
  const path = join(folder, "removed.db");
  const first = openDatabase(path);
  inTransaction(first, () => first.run("INSERT INTO namespaces VALUES ('old', 1)"));
  const log = readFileSync(`${path}-wal`);
  first.close();
  rmSync(path);
  writeFileSync(`${path}-wal`, log);
  const second = openDatabase(path);
  expect(second.query("SELECT name FROM namespaces").all()).toEqual([{ name: "default" }]);
  expect(second.query("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
});

test("withoutWaiting() leaves the database waiting for the disk again, also when the work fails", () => {
  const database = openDatabase(join(folder, "passing.db"));
  const level = () => database.query("PRAGMA synchronous").get();
  const [normal, full] = [{ synchronous: 1 }, { synchronous: 2 }];
  expect(withoutWaiting(database, level)).toEqual(normal);
  expect(level()).toEqual(full);
  expect(() =>
    withoutWaiting(database, () => {
      throw new Error("no");
    }),
  ).toThrow("no");
  expect(level()).toEqual(full);
  // What is part of a transaction that waits waits with it.
  expect(inTransaction(database, () => withoutWaiting(database, level))).toEqual(full);
});

/** How many transactions the log holds. Source: SQLite, file format, the WAL format: a frame that ends one has a size of the database. */
function commitsIn(path: string): number {
  const log = readFileSync(`${path}-wal`);
  const [header, frame] = [32, 24 + log.readUInt32BE(8)];
  let commits = 0;
  for (let at = header; at + frame <= log.length; at += frame) if (log.readUInt32BE(at + 4) > 0) commits++;
  return commits;
}

test("togetherWithOthers() commits what is asked for at one moment at once, but for what fails", async () => {
  const path = join(folder, "others.db");
  const database = openDatabase(path);
  const add = (name: string) => () => {
    database.run("INSERT INTO namespaces VALUES (?1, 1)", [name]);
    if (name === "wrong") throw new Error("no");
    return name;
  };
  inTransaction(database, add("zero"));
  const before = commitsIn(path);
  const asked = ["one", "wrong", "two"].map((name) => togetherWithOthers(database, add(name)));
  expect(database.query("SELECT count(*) AS n FROM namespaces").get()).toEqual({ n: 2 });
  expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual([
    "fulfilled",
    "rejected",
    "fulfilled",
  ]);
  expect(await asked[2]).toBe("two");
  const names = openDatabase(path).query("SELECT name FROM namespaces ORDER BY name").values();
  expect(names).toEqual([["default"], ["one"], ["two"], ["zero"]]);
  expect(commitsIn(path)).toBe(before + 1);
});

test("togetherWithOthers() tells everybody when what they asked for cannot be committed", async () => {
  const path = join(folder, "locked.db");
  const database = openDatabase(path);
  database.run("PRAGMA busy_timeout = 1");
  const other = openDatabase(path);
  other.run("BEGIN IMMEDIATE");
  const asked = [1, 2].map((number) => togetherWithOthers(database, () => number));
  expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  other.run("ROLLBACK");
  expect(await togetherWithOthers(database, () => 3)).toBe(3);
});

test("openDatabase() refuses records of a newer teu", () => {
  const path = join(folder, "newer.db");
  openDatabase(path).run("PRAGMA user_version = 1000");
  let caught: unknown;
  try {
    openDatabase(path);
  } catch (error) {
    caught = error;
  }
  expect(hasCode(caught, "store-too-new")).toBe(true);
});

test("openDatabase() gives containers of before it was recorded the start that is known", () => {
  const path = join(folder, "older.db");
  const older = new Database(path);
  const version = 4;
  for (const migration of MIGRATIONS.slice(0, version)) older.run(migration);
  for (const [id, status] of ["running", "exited", "creating"].entries())
    older.run(
      `INSERT INTO containers VALUES ('${id}', 'default', '${status}', NULL, '', '', '', 0, NULL, '${status}', NULL, 1,
         '{}', 1000, NULL, 0, 0, '')`,
    );
  older.run("INSERT INTO restarts VALUES ('0', NULL, 2000, 0, 0, 0)");
  older.run(`PRAGMA user_version = ${version}`);
  older.close();
  const starts = openDatabase(path).query("SELECT started_at FROM containers ORDER BY id").values();
  expect(starts).toEqual([[2000], [1000], [null]]);
});

test("inTransaction() undoes everything when the work throws", () => {
  const database = openDatabase(join(folder, "undo.db"));
  expect(() =>
    inTransaction(database, () => {
      database.run("INSERT INTO namespaces VALUES ('gone', 1)");
      throw new Error("no");
    }),
  ).toThrow("no");
  expect(database.query("SELECT name FROM namespaces WHERE name = 'gone'").get()).toBeNull();
});
