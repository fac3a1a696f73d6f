import type { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs, root } from "../../../../test/support/needs.ts";
import { Checkpoints } from "./checkpoints.ts";
import { LogSync, openDatabase } from "./database.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-checkpoints-"));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;
const newPath = (): string => join(folder, `${count++}.db`);

/** One commit with `rows` rows, spread over table and index. */
function write(database: Database, rows: number): void {
  database.transaction(() => {
    for (let row = 0; row < rows; row++)
      database.run("INSERT INTO uploads VALUES (?1, 'a', 'b', 0)", [crypto.randomUUID()]);
  })();
}

const rowsOf = (database: Database): number =>
  database.query<{ n: number }, []>("SELECT count(*) AS n FROM uploads").get()?.n ?? 0;

test("a log that somebody writes to without a pause is emptied, and nothing is lost", async () => {
  const path = newPath();
  const database = openDatabase(path);
  using log = new LogSync(path);
  {
    using checkpoints = new Checkpoints(database, log, path);
    let largest = 0;
    for (let round = 0; round < 8; round++) {
      write(database, 5_000);
      await checkpoints.place();
      largest = Math.max(largest, statSync(`${path}-wal`).size);
    }
    expect(largest).toBeLessThan(32 << 20);
    expect(rowsOf(database)).toBe(40_000);
  }
  expect(statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0).toBe(0);
  using again = openDatabase(path);
  expect(rowsOf(again)).toBe(40_000);
  expect(again.query("PRAGMA integrity_check").values()).toEqual([["ok"]]);
});

test("commits begin a checkpoint now and then, which nobody waits for", async () => {
  const path = newPath();
  const database = openDatabase(path);
  using log = new LogSync(path);
  using checkpoints = new Checkpoints(database, log, path);
  const before = statSync(path).size;
  for (let round = 0; round < 64; round++) {
    write(database, 100);
    checkpoints.note();
  }
  await checkpoints.place();
  expect(statSync(path).size).toBeGreaterThan(before);
});

test("a power cut: the database has nothing of what is in the log alone and not yet on disk", async () => {
  const path = newPath();
  const database = openDatabase(path);
  using log = new LogSync(path);
  let syncedBytes = 0;
  const late = {
    async wait() {
      await log.wait();
      syncedBytes = statSync(`${path}-wal`).size;
      write(database, 2_000); // by others, while the disk was busy
    },
  };
  using checkpoints = new Checkpoints(database, late, path);
  for (let round = 1; round <= 3; round++) {
    write(database, 1_000);
    await checkpoints.place();
    // What the disk is sure to have.
    const copy = newPath();
    copyFileSync(path, copy);
    copyFileSync(`${path}-wal`, `${copy}-wal`);
    truncateSync(`${copy}-wal`, syncedBytes);
    using after = openDatabase(copy);
    expect(rowsOf(after)).toBe(round * 1_000 + (round - 1) * 2_000);
    expect(after.query("PRAGMA integrity_check").values()).toEqual([["ok"]]);
  }
});

test("after a sync that failed, the log keeps what may not be on disk", async () => {
  const path = newPath();
  const database = openDatabase(path);
  let isBroken = true;
  const broken = { wait: async () => (isBroken ? Promise.reject(new Error("EIO")) : undefined) };
  const checkpoints = new Checkpoints(database, broken, path);
  write(database, 1_000);
  await expect(checkpoints.place()).rejects.toThrow("EIO");
  isBroken = false; // the kernel tells once, and has forgotten what it could not write
  await expect(checkpoints.place()).rejects.toThrow("EIO");
  expect(() => checkpoints.note()).toThrow("EIO"); // whoever writes hears of it too
  const size = statSync(`${path}-wal`).size;
  checkpoints[Symbol.dispose]();
  expect(statSync(`${path}-wal`).size).toBe(size);
});

needs(root)(
  "on a full disk pages stay in the log, from which they are read, until there is room",
  async () => {
    const small = mkdtempSync(join(folder, "small-"));
    Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", small]);
    try {
      const path = join(small, "a.db");
      const database = openDatabase(path);
      using log = new LogSync(path);
      using checkpoints = new Checkpoints(database, log, path);
      write(database, 8_000);
      const ballast = join(small, "ballast");
      expect(() => writeFileSync(ballast, Buffer.alloc(3 << 20))).toThrow("ENOSPC");
      const before = statSync(path).size;
      await checkpoints.place();
      expect(statSync(path).size).toBe(before);
      expect(rowsOf(database)).toBe(8_000);
      rmSync(ballast);
      await checkpoints.place();
      expect(statSync(path).size).toBeGreaterThan(before);
    } finally {
      Bun.spawnSync(["umount", small]);
    }
  },
);
