/** `teu system`: damages of every kind are found and put right, and what nobody needs goes, with its reason. */

import { Database } from "bun:sqlite";
import { afterAll, beforeAll, beforeEach, describe, expect } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
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
let other: string;

beforeAll(async () => {
  if (!isAble) return;
  registry = await startRegistry();
  store = new Store();
  image = `${registry.address}/test/box`;
  other = `${registry.address}/test/other`;
  await pushLayers(image, [busyboxLayer(), { "second/file": "of the second layer\n" }]);
  await pushLayers(other, [{ only: "x".repeat(100_000) }]);
});
beforeEach(async () => {
  if (!isAble) return;
  await store.done("pull", "--quiet", image);
});
afterAll(async () => {
  if (!isAble) return;
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

interface Line {
  readonly kind: string;
  readonly subject: string;
  readonly problem: string;
  readonly isRepaired?: boolean;
  readonly done?: string;
}
async function lines(...words: string[]): Promise<Line[]> {
  const { stdout } = await store.teu("system", ...words, "--json");
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
}
const inRoot = (...names: string[]) => store.path(join("root", ...names));
/** Blobs, the largest first. */
const blobs = (): string[] =>
  readdirSync(inRoot("content/blobs/sha256"))
    .map((name) => inRoot("content/blobs/sha256", name))
    .sort((a, b) => statSync(b).size - statSync(a).size);
/** Directories of unpacked layers that have the file. */
const layersWith = (file: string): string[] =>
  readdirSync(inRoot("snapshots"))
    .map((number) => inRoot("snapshots", number, "fs", file))
    .filter((path) => existsSync(path));
const run = (...words: string[]) => store.done("run", "--network", "none", ...words);

describe("check finds, and repair puts right,", () => {
  test("nothing in a store that is whole", async () => {
    await run("--rm", image, "true");
    expect(await store.done("system", "check")).toBe("Everything is right\n");
    expect(await store.done("system", "repair")).toBe("Everything is right\n");
  });

  test("a blob that lost bits: it is fetched again", async () => {
    const [layer = ""] = blobs();
    const bytes = readFileSync(layer);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(layer, bytes);
    expect((await store.teu("system", "check")).status).toBe(1);
    expect((await lines("check")).map(({ kind }) => kind)).toContain("blob");
    expect(await lines("check", "--quick")).toEqual([]);
    // An image that its own registry has not is whole again with the other one that has this layer.
    const other = image.replace("/test/", "/away/");
    await store.done("tag", image, other);
    const repaired = await lines("repair");
    expect(repaired.map(({ kind, done }) => [kind, done])).toEqual([
      ["blob", "removed"],
      ["image", "fetched again"],
      ["image", "fetched again with another image"],
    ]);
    await store.done("rmi", other);
    expect(await lines("check")).toEqual([]);
  });

  test("a document that is missing", async () => {
    const smallest = blobs().at(-1) ?? "";
    rmSync(smallest);
    expect(await lines("repair", "--quick")).toMatchObject([{ kind: "image", isRepaired: true }]);
    expect(existsSync(smallest)).toBe(true);
  });

  test("a layer of which files are missing: containers stand on it as before", async () => {
    await run("--name", "stands", image, "sh", "-c", "echo written > /mine");
    const [file = ""] = layersWith("second/file");
    rmSync(file);
    const [found] = await lines("check");
    expect(found).toMatchObject({ kind: "layer" });
    expect(found?.problem).toContain('"second/file" is missing');
    expect(await lines("repair")).toMatchObject([
      { kind: "layer", isRepaired: true, done: "unpacked again" },
    ]);
    expect(await lines("check")).toEqual([]);
    await store.done("start", "stands");
    expect(layersWith("second/file").length).toBe(1);
    expect(await run("--rm", image, "cat", "/second/file")).toBe("of the second layer\n");
    await store.done("rm", "-f", "stands");
  });

  test("the directory of the bottom layer is gone, but not while a container runs on it", async () => {
    const id = (await run("-d", image, "sleep", "1000")).trim();
    const [busybox = ""] = layersWith("bin/busybox");
    const directory = join(busybox, "../../..");
    renameSync(directory, store.path("away"));
    const [refused] = await lines("repair");
    expect(refused).toMatchObject({ kind: "layer", isRepaired: false });
    expect(refused?.done).toContain("runs on it");
    renameSync(store.path("away"), directory);
    await store.done("rm", "-f", id);
    rmSync(directory, { recursive: true });
    const repaired = await lines("repair");
    expect(repaired.every(({ isRepaired }) => isRepaired)).toBe(true);
    expect(await run("--rm", image, "echo", "runs")).toBe("runs\n");
    expect(await lines("check")).toEqual([]);
  });

  test("what no record knows", async () => {
    const strays = [
      inRoot("containers/stray"),
      inRoot("snapshots/new-stray"),
      store.path("run/containers/stray"),
    ];
    for (const path of strays) mkdirSync(path, { recursive: true });
    expect((await lines("check")).map(({ subject }) => subject).sort()).toEqual([...strays].sort());
    expect((await lines("repair")).every(({ isRepaired }) => isRepaired)).toBe(true);
    expect(strays.filter((path) => existsSync(path))).toEqual([]);
  });

  test("volumes: one without a record is recorded, one without its files is made", async () => {
    await store.done("volume", "create", "lost");
    rmSync(inRoot("volumes/default/lost"), { recursive: true });
    mkdirSync(inRoot("volumes/default/found/_data"), { recursive: true });
    writeFileSync(inRoot("volumes/default/found/_data/kept"), "kept\n");
    expect((await lines("check")).map(({ kind, subject }) => [kind, subject]).sort()).toEqual([
      ["volume", "found"],
      ["volume", "lost"],
    ]);
    await lines("repair");
    expect(await run("--rm", "-v", "found:/v", image, "cat", "/v/kept")).toBe("kept\n");
    expect(await lines("check")).toEqual([]);
    await store.done("volume", "rm", "lost", "found");
  });

  test("a container without its config: it is told, and nothing of it is thrown away", async () => {
    await run("--name", "bare", image, "true");
    const [id = ""] = readdirSync(inRoot("containers"));
    rmSync(inRoot("containers", id, "config.json"));
    expect(await lines("repair")).toMatchObject([{ kind: "container", subject: "bare", isRepaired: false }]);
    expect(await store.done("ps", "-aq")).not.toBe("");
    await store.done("rm", "bare");
  });

  test("a record that refers to nothing", async () => {
    const database = new Database(inRoot("teu.db"));
    database.run("PRAGMA foreign_keys = OFF");
    database.run("INSERT INTO endpoints (container, network, address) VALUES ('gone', 'gone', 1)");
    expect(await lines("check")).toMatchObject([{ kind: "database" }, { kind: "database" }]);
    database.run("DELETE FROM endpoints");
    database.close();
    expect(await lines("check")).toEqual([]);
  });
});

describe("df and prune", () => {
  test("count what is there, and take what nobody needs, with the reason", async () => {
    await store.done("pull", "--quiet", other);
    await store.teu(
      "run",
      "--network",
      "none",
      "--name",
      "ended",
      "-v",
      "/v",
      image,
      "sh",
      "-c",
      "echo x > /v/x; exit 3",
    );
    const usage = JSON.parse(await store.done("system", "df", "--json")) as {
      type: string;
      total: number;
      active: number;
    }[];
    expect(usage).toMatchObject([
      { type: "Images", total: 2, active: 1 },
      { type: "Containers", total: 1, active: 0 },
      { type: "Logs", total: 1 },
      { type: "Local Volumes", total: 1, active: 1 },
    ]);
    expect(await store.done("system", "df", "-v")).toMatch(
      /^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE\nImages +2 +1 /,
    );
    const told = await store.done("system", "prune", "--all", "--volumes", "--dry-run");
    expect(told).toMatch(/^container {2}ended {2}[\d.]+ k?B {2}it ended with status 3; last used .*$/m);
    expect(told).toContain("no container has it");
    expect(told).toContain("Total reclaimable space: ");
    expect(await store.done("system", "prune", "--filter", "until=24h")).toBe("Total reclaimed space: 0 B\n");
    expect((await store.done("ps", "-aq")).length).toBeGreaterThan(0);
    const done = await store.done("system", "prune", "--all", "--volumes", "--force");
    expect(done).toContain("it has no name of its own, and its container is gone");
    expect(await store.done("images", "--json")).toBe("[]\n");
    expect(await store.done("volume", "ls", "-q")).toBe("");
    expect(blobs()).toEqual([]);
    expect(readdirSync(inRoot("snapshots"))).toEqual([]);
    expect(await lines("check")).toEqual([]);
  });

  test("keep images within a budget: what was used longest ago goes first", async () => {
    await store.done("pull", "--quiet", other);
    await run("--rm", image, "true");
    expect(await store.done("system", "prune", "--budget", "1g")).toBe("Total reclaimed space: 0 B\n");
    const told = await store.done("system", "prune", "--budget", "1k", "--dry-run");
    expect(told).toMatch(/^image {2}.*test\/other:latest {2}.*; last used (Less than a|\d+) second/m);
    expect(told.indexOf("test/other")).toBeLessThan(told.indexOf("test/box"));
    const kept = await store.done("system", "df", "--json");
    const { bytes } = (JSON.parse(kept) as { bytes: number }[])[0] ?? { bytes: 0 };
    await store.done("system", "prune", "--budget", `${bytes - 1}b`);
    expect(await store.done("images")).not.toContain("test/other");
    expect(await store.done("images")).toContain("test/box");
  });

  test("keep to the limit of engine.toml after a pull, and after containers go", async () => {
    const limit = (...lines: string[]): void =>
      writeFileSync(inRoot("engine.toml"), `[images]\n${lines.join("\n")}\n`);
    const names = async (): Promise<string> => await store.done("images", "--format", "{{.Repository}}");
    await store.done("pull", "--quiet", other);
    await run("--name", "holds", image, "true");
    await store.done("tag", other, "third");
    // Names go only where that is said, and what was used a while ago at the earliest.
    limit('max-size = "1k"');
    await store.done("pull", "--quiet", other);
    limit('max-size = "1k"', 'remove = "unused"');
    await store.done("pull", "--quiet", other);
    expect(await names()).toContain("third");
    limit('max-size = "1k"', 'remove = "unused"', 'min-age = "0"');
    await store.done("pull", "--quiet", other);
    expect((await names()).trim()).toEndWith("test/box");
    expect(await lines("check")).toEqual([]);
    // The container goes, and with it what held the image.
    await store.done("rm", "holds");
    expect(await store.done("images", "--json")).toBe("[]\n");
    expect(blobs()).toEqual([]);
    limit('max-size = "much"');
    const { status, stderr } = await store.teu("pull", "--quiet", other);
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(stderr).toMatch(
      /^WARNING: Invalid argument "much" for "images.max-size in .*engine.toml": invalid size/,
    );
    rmSync(inRoot("engine.toml"));
  });

  test("refuse what they do not know", async () => {
    expect((await store.teu("system", "prune", "--filter", "label=x")).stderr).toContain("wants until=…");
    expect((await store.teu("system", "nosuch")).stderr).toContain('Unknown command "nosuch" of teu system');
  });
});
