/** The database is gone, cut short or overwritten: nothing is forgotten, and `teu system repair` brings all of it back. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect } from "bun:test";
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { needs, program, root } from "../support/needs.ts";
import { busyboxLayer, pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";

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
  await pushLayers(image, [busyboxLayer(), { "second/file": "of the second layer\n" }]);
  await store.done("pull", "-q", image);
  await store.done("tag", image, "untagged-soon");
  await store.done("volume", "create", "precious");
  await store.done("network", "create", "--subnet", "10.213.7.0/24", "own");
  const run = (...words: string[]) => store.done("run", "--network", "none", ...words);
  await store.teu(
    "run",
    "--network",
    "none",
    "--name",
    "first",
    "-v",
    "precious:/data",
    "-l",
    "a=b",
    image,
    "sh",
    "-c",
    "echo kept >/mine; echo v >/data/f; exit 3",
  );
  await store.done("rename", "first", "stopped");
  await store.done("create", "--name", "in-own", "--network", "own", image, "true");
  await run("-d", "--name", "running", image, "sh", "-c", "echo alive >/now; exec sleep 1000");
});
afterAll(async () => {
  if (!isAble) return;
  await store.done("rm", "-f", "running", "stopped", "in-own");
  await store.done("network", "rm", "own");
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

const database = (): string => store.path("root/teu.db");
/** It has taken in all of its log, which is gone with it. */
const withoutLog = (change: () => void): void => {
  const records = new Database(database());
  records.run("PRAGMA wal_checkpoint(TRUNCATE)");
  records.close();
  for (const suffix of ["-wal", "-shm"]) rmSync(`${database()}${suffix}`, { force: true });
  change();
};
const overwrite = (position: number, bytes: number): void => {
  const file = openSync(database(), "r+");
  writeSync(file, Buffer.alloc(bytes, 0xa5), 0, bytes, position);
  closeSync(file);
};
const everything = (): string[] =>
  ["content/blobs/sha256", "containers", "volumes/default"].flatMap((folder) =>
    readdirSync(store.path(join("root", folder))).map((name) => join(folder, name)),
  );

// Closed by its last user it would be: each command would wait for the disk to take the log in, and for a new one.
test("a command leaves the log of the records as it is", async () => {
  const inode = () => statSync(`${database()}-wal`).ino;
  await store.done("ps");
  const before = inode();
  await store.done("volume", "create", "passing");
  await store.done("volume", "rm", "passing");
  expect(inode()).toBe(before);
});

describe("system repair makes records again", () => {
  test.each([
    ["deleted", () => withoutLog(() => rmSync(database()))],
    ["empty", () => withoutLog(() => truncateSync(database(), 0))],
    ["overwritten at its start", () => withoutLog(() => overwrite(0, 512))],
    ["cut short", () => withoutLog(() => truncateSync(database(), statSync(database()).size / 2))],
    ["overwritten in the middle", () => withoutLog(() => overwrite(4096, statSync(database()).size - 8192))],
  ])("of a database that is %s", async (how, damage) => {
    const before = everything();
    const ids = await store.done("ps", "-aq", "--no-trunc");
    const images = await store.done("images", "--json");
    const networks = await store.done("network", "inspect", "own");
    damage();

    // No command takes it for a new store, and throws away what it does not know.
    if (how !== "overwritten in the middle" && how !== "cut short")
      for (const words of [["ps"], ["system", "prune", "-a", "-f"], ["run", image, "true"]]) {
        const { status, stderr } = await store.teu(...words);
        expect(status).toBe(words[0] === "run" ? 125 : 1);
        expect(stderr).toMatch(
          /^teu: Cannot open the records .*teu\.db": .*\nhint: 'teu system repair' makes them again/,
        );
      }
    expect(everything()).toEqual(before);

    const { stdout, stderr, status } = await store.teu("system", "repair");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^container {2}stopped {2}its record was lost: recorded again$/m);
    expect(await store.done("system", "check")).toBe("Everything is right\n");
    expect((await store.done("ps", "-aq", "--no-trunc")).split("\n").sort()).toEqual(ids.split("\n").sort());
    expect(await store.done("images", "--json")).toBe(images);
    expect(JSON.parse(await store.done("network", "inspect", "own"))[0].IPAM).toEqual(
      JSON.parse(networks)[0].IPAM,
    );
    expect(await store.done("volume", "ls", "-q")).toBe("precious\n");
    expect(
      await store.done("ps", "-a", "--filter", "label=a=b", "--format", "{{.Names}} {{.Status}}"),
    ).toMatch(/^stopped Exited \(3\)/);
    // What a container wrote is there, on the layers of its image; the one that runs goes on and obeys.
    expect(await store.done("exec", "running", "cat", "/now")).toBe("alive\n");
    await store.done("cp", "stopped:/mine", store.path("mine"));
    expect(readFileSync(store.path("mine"), "utf8")).toBe("kept\n");
    expect((await store.teu("start", "-a", "stopped")).status).toBe(3);
    expect((await store.teu("volume", "rm", "precious")).stderr).toContain("volume is in use");
    expect((await store.teu("start", "-a", "in-own")).status).toBe(0);
    await store.done("restart", "-t", "0", "running");
    expect(await store.done("exec", "running", "cat", "/second/file")).toBe("of the second layer\n");
  });

  test("a container whose own record is gone is kept aside, not thrown away", async () => {
    const { stdout: id } = await store.teu(
      "run",
      "-d",
      "--name",
      "odd",
      "--network",
      "none",
      image,
      "sh",
      "-c",
      "echo odd >/odd",
    );
    await store.done("wait", "odd");
    rmSync(store.path(`root/containers/${id.trim()}/record.json`));
    withoutLog(() => rmSync(database()));
    const { stdout, status } = await store.teu("system", "repair");
    expect(status).toBe(1);
    expect(stdout).toContain(
      `container  ${id.slice(0, 12)}  its record was lost: it has no record.json; its files are moved to lost`,
    );
    const lost = readdirSync(store.path("root/lost"));
    expect(lost).toContain(`containers-${id.trim()}`);
    const written = lost.filter((name) => existsSync(store.path(`root/lost/${name}/fs/odd`)));
    expect(written).toHaveLength(1);
    expect(await store.done("system", "repair")).toBe("Everything is right\n");
  });
});
