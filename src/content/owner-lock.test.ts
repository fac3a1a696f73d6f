import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { emptyDescriptor } from "../spec/index.ts";
import { ContentStore } from "./index.ts";
import { isLocked, lock, tryLock } from "./owner-lock.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "teu-lock-"));
  path = join(folder, "lock");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("tryLock() gives the lock to one at a time", () => {
  {
    using taken = tryLock(path);
    expect(taken).toBeDefined();
    expect(isLocked(path)).toBe(true);
    expect(tryLock(path)).toBeUndefined();
  }
  expect(isLocked(path)).toBe(false);
  using again = tryLock(path);
  expect(again).toBeDefined();
  expect(readdirSync(folder)).toEqual(["lock"]);
});

test("tryLock() breaks the lock of a dead process, and of one that broke it and died", () => {
  const dead = {
    pid: 1,
    startTime: -1,
    bootID: "another boot",
    nonce: "00000000-0000-0000-0000-000000000000",
  };
  writeFileSync(path, JSON.stringify(dead));
  writeFileSync(`${path}.break-${dead.nonce}`, JSON.stringify({ ...dead, nonce: "1".repeat(36) }));
  expect(isLocked(path)).toBe(false);
  using taken = tryLock(path);
  expect(taken).toBeDefined();
  expect(readdirSync(folder)).toEqual(["lock"]);
});

test.each(["", "{", "null", '{"pid":"1"}', '{"pid":1,"nonce":"../../x"}'])(
  "tryLock() breaks a lock that holds %j",
  (text) => {
    writeFileSync(path, text);
    using taken = tryLock(path);
    expect(taken).toBeDefined();
    expect(JSON.parse(readFileSync(path, "utf8")).pid).toBe(process.pid);
  },
);

const COUNTER = `
  const { ContentStore } = await import(process.env.CONTENT);
  const store = ContentStore.open(process.env.ROOT);
  for (let i = 0; i < 40; i++)
    store.index.update((manifests) => [...manifests, { mediaType: "text/plain", digest: "sha256:" + "0".repeat(64), size: i }]);
`;

test("lock() lets four processes change one index.json without losing a change", async () => {
  const writers = Array.from({ length: 4 }, () =>
    Bun.spawn([process.execPath, "-e", COUNTER], {
      env: { CONTENT: join(import.meta.dir, "index.ts"), ROOT: folder, PATH: process.env["PATH"] },
      stderr: "inherit",
    }),
  );
  expect(await Promise.all(writers.map(({ exited }) => exited))).toEqual([0, 0, 0, 0]);
  expect(ContentStore.open(folder).index.read().manifests).toHaveLength(160);
  expect(readdirSync(folder).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
});

test("lock() takes a lock that is free", () => {
  using _ = lock(path);
  expect(isLocked(path)).toBe(true);
});

test("index.json keeps what it does not know and replaces every entry of a name", () => {
  const { index } = ContentStore.open(folder);
  const text = readFileSync(join(folder, "index.json"), "utf8");
  writeFileSync(join(folder, "index.json"), text.replace("{", '{"x":1,'));
  index.name(emptyDescriptor, "a");
  index.update((manifests) => [...manifests, ...manifests]);
  expect(index.read().manifests).toHaveLength(2);
  index.name({ ...emptyDescriptor, annotations: { k: "v" } }, "a");
  expect(index.read().manifests).toHaveLength(1);
  expect(index.find("a")?.annotations).toMatchObject({ k: "v" });
  index.unname("a");
  expect(JSON.parse(readFileSync(join(folder, "index.json"), "utf8"))).toMatchObject({ x: 1, manifests: [] });
});
