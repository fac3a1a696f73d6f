/**
 * A disk that is full at every point of a command: the store is on a small file system of which a bit more is free each time, until the command
 * works. Before that it says what is full in one line, nothing of it stays, and the store is right.
 */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { busyboxLayer, pushLayers } from "../integration/support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "../integration/support/registry.ts";
import { run } from "../integration/teu.ts";
import { needs, program, root } from "../support/needs.ts";

const WANTED = [root, program("busybox")];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());

let registry: RegistryProcess;
let store: Store;
let image: string;

beforeAll(async () => {
  if (!isAble) return;
  registry = await startRegistry();
  store = new Store();
  image = `${registry.address}/test/box`;
  await pushLayers(image, [busyboxLayer()]);
  mkdirSync(place());
  expect((await run(["mount", "-t", "tmpfs", "-o", "size=14m", "tmpfs", place()])).status).toBe(0);
  await store.done("pull", "--quiet", image);
  await store.done("save", "-o", store.path("box.tar"), image);
  await store.done("tag", image, "box");
  await store.done("create", "--network", "none", "--name", "kept", image, "true");
});
afterAll(async () => {
  if (!isAble) return;
  await store.teu("rm", "-f", "kept");
  await run(["umount", "-l", place()]);
  await store[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

const place = (): string => store.env["TEU_ROOT"] ?? "";
const filler = (): string => join(place(), "filler");

/** Leaves so much room, the reserve that the store keeps for this case included. */
function leaveFree(kib: number): void {
  rmSync(join(place(), "reserve"), { force: true });
  const { bavail, bsize } = statfsSync(place());
  writeFileSync(filler(), new Uint8Array(Math.max(bavail * bsize - kib * 1024, 0)));
}

/** Takes what is in the database's log into the database, and removes the log, as whoever closes it last does. */
function emptyLog(): void {
  using database = new Database(join(place(), "teu.db"));
  database.run("PRAGMA wal_checkpoint(TRUNCATE)");
}

/** What people see of the store. */
async function seen(): Promise<string> {
  const lists = [
    ["images", "--format", "{{.Repository}}:{{.Tag}}"],
    ["ps", "-a", "--format", "{{.Names}} {{.State}}"],
    ["volume", "ls", "-q"],
  ];
  const texts: string[] = [];
  for (const words of lists) texts.push(await store.done(...words));
  return texts.join("--\n");
}

test.each([
  { words: ["tag", "box", "another"], undo: ["rmi", "another"] },
  { words: ["volume", "create", "data"], undo: ["volume", "rm", "data"] },
  { words: ["create", "--network", "none", "--name", "new", "box", "true"], undo: ["rm", "-f", "new"] },
  { words: ["run", "-d", "--network", "none", "--name", "new", "box", "true"], undo: ["rm", "-f", "new"] },
  { words: ["run", "--network", "none", "--name", "new", "box", "true"], undo: ["rm", "-f", "new"] },
  { words: ["commit", "kept", "made"], undo: ["rmi", "made"] },
])("$words.0 $words.1 $words.2: a full disk is told of, and nothing of it stays", async ({ words, undo }) => {
  const before = await seen();
  let failures = 0;
  for (let kib = 0; ; kib += kib < 160 ? 8 : 64) {
    // With the place that it has in its log a command needs less.
    emptyLog();
    leaveFree(kib);
    const { status, stderr } = await store.teu(...words);
    rmSync(filler());
    const what = `${kib} KiB: ${stderr}`;
    if (status === 0) break;
    failures++;
    expect(stderr, what).toMatch(/^teu: [^\n]*"\/[^\n]*(no space (is )?left|full)[^\n]*\nhint: [^\n]*\n$/);
    // One that had run when there was no room left to say how it ended has ended all the same.
    if (words[0] === "run" && (await seen()).includes("new exited\n")) await store.done("rm", "new");
    expect(await seen(), what).toBe(before);
    expect(await store.done("system", "check", "--quick"), what).toBe("Everything is right\n");
    expect(kib, what).toBeLessThan(4096);
  }
  expect(failures).toBeGreaterThan(2);
  await store.done(...undo);
});

test.each(["pull", "load"])("%s: a full disk is told of, and nothing of it stays", async (verb) => {
  await store.done("rm", "-f", "kept");
  const words =
    verb === "pull" ? ["pull", "--quiet", image] : ["load", "--quiet", "-i", store.path("box.tar")];
  await store.done("rmi", "box", image);
  await store.done("system", "prune", "-af");
  const before = await seen();
  for (let kib = 0; ; kib += kib < 96 ? 16 : 256) {
    leaveFree(kib);
    const { status, stderr } = await store.teu(...words);
    rmSync(filler());
    const what = `${kib} KiB: ${stderr}`;
    if (status === 0) break;
    expect(stderr, what).toMatch(/^teu: [^\n]*"\/[^\n]*(no space (is )?left|full)[^\n]*\nhint: [^\n]*\n$/);
    expect(await seen(), what).toBe(before);
    expect(await store.done("system", "check", "--quick"), what).toBe("Everything is right\n");
    expect(kib, what).toBeLessThan(8192);
  }
  await store.done("tag", image, "box");
  await store.done("create", "--network", "none", "--name", "kept", image, "true");
});
