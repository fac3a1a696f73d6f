import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { putManifest, tarOf, useStore } from "../../../test/support/engine-store.ts";
import { type HostPath, hasCode } from "../../base/index.ts";
import { readImage } from "../image/content.ts";
import { thisPlatform } from "../image/platform.ts";
import { listLeases } from "../store/leases.ts";
import { listSnapshots } from "../store/snapshots.ts";
import type { Store } from "../store/store.ts";
import { layerDirectories } from "./directories.ts";
import { openMerged } from "./overlay.ts";
import { unpackLayers } from "./unpack.ts";

const root = process.getuid?.() === 0;
if (!root) console.log("skipped: snapshots need root");
const rootTest = test.skipIf(!root);

let store: Store;
useStore((opened) => {
  store = opened;
});

function imageOf(...layers: Readonly<Record<string, string>>[]): ReturnType<typeof readImage> {
  return readImage(store, putManifest(store, layers.map(tarOf)), thisPlatform());
}

/** Works on the tree that all layers make. */
async function withTree(image: ReturnType<typeof readImage>, work: (tree: string) => void): Promise<void> {
  const { top } = await unpackLayers(store, image);
  if (top === undefined) throw new Error("no layers");
  const [first, ...rest] = layerDirectories(store, top);
  if (first === undefined) throw new Error("no directories");
  const place = join(store.paths.run, "place") as HostPath;
  mkdirSync(place, { recursive: true });
  using merged = openMerged(store.paths.snapshots, [first, ...rest], place);
  work(merged.path);
}

rootTest("unpackLayers() makes one snapshot for each layer, named by its chainID", async () => {
  const image = imageOf({ a: "1" }, { b: "2" });
  const { top, unpacked, entries } = await unpackLayers(store, image);
  expect([unpacked, entries]).toEqual([2, 2]);
  const snapshots = listSnapshots(store.database);
  expect(snapshots.map(({ number, parent, kind }) => [number, parent, kind])).toEqual([
    [1, null, "committed"],
    [2, 1, "committed"],
  ]);
  expect(top?.number).toBe(2);
  expect(readdirSync(store.paths.snapshots).sort()).toEqual(["1", "2"]);
  expect(listLeases(store.database)).toEqual([]);
});

rootTest("unpackLayers() unpacks only what is no snapshot yet", async () => {
  await unpackLayers(store, imageOf({ a: "1" }));
  const { top, unpacked, present } = await unpackLayers(store, imageOf({ a: "1" }, { b: "2" }));
  expect([unpacked, present, top?.parent]).toEqual([1, 1, 1]);
  expect(await unpackLayers(store, imageOf({ a: "1" }, { b: "2" }))).toMatchObject({
    unpacked: 0,
    entries: 0,
  });
});

rootTest("unpackLayers() settles hard links into lower layers", async () => {
  await withTree(
    imageOf({ "etc/": "", "etc/one": "text\n" }, { x: "y" }, { "etc/two": "=> etc/one" }),
    (tree) => {
      expect(readFileSync(join(tree, "etc/two"), "utf8")).toBe("text\n");
      expect(statSync(join(tree, "etc/two")).ino).toBe(statSync(join(tree, "etc/one")).ino);
    },
  );
});

rootTest("unpackLayers() lets a whiteout hide what lies below", async () => {
  await withTree(
    imageOf({ "d/a": "1", "d/b": "2", "o/old": "3" }, { "d/.wh.a": "", "o/.wh..wh..opq": "", "o/new": "4" }),
    (tree) => {
      expect(readdirSync(join(tree, "d"))).toEqual(["b"]);
      expect(readdirSync(join(tree, "o"))).toEqual(["new"]);
    },
  );
});

// A listing had the names, and nothing was behind them: the kernel shows whiteouts that are in one layer's directory alone.
rootTest("unpackLayers() drops whiteouts that hide nothing", async () => {
  await withTree(
    imageOf(
      { "d/": "", "d/.wh.gone": "", "o/old": "1" },
      { "new/": "", "new/.wh.gone": "", "o/.wh..wh..opq": "", "o/.wh.old": "", "none/.wh.x": "", f: "2" },
    ),
    (tree) => {
      expect(readdirSync(tree).sort()).toEqual(["d", "f", "new", "o"]);
      for (const name of ["d", "new", "o"]) expect(readdirSync(join(tree, name))).toEqual([]);
    },
  );
});

// The directory came back, empty: the layer had it for the whiteout alone.
rootTest("unpackLayers() hides a directory whose parent is opaque, whatever marks are in it", async () => {
  await withTree(imageOf({ "a/b/": "" }, { "a/": "", "a/.wh..wh..opq": "", "a/b/.wh.c": "" }), (tree) =>
    expect(readdirSync(join(tree, "a"))).toEqual([]),
  );
});

// The link became a directory: what programs look for at its end was not there.
rootTest("unpackLayers() follows links of lower layers to where nothing is yet", async () => {
  await withTree(imageOf({ "var/run": "-> ../run" }, { "var/run/lock/pid": "1" }), (tree) => {
    expect(readlinkSync(join(tree, "var/run"))).toBe("../run");
    expect(readFileSync(join(tree, "run/lock/pid"), "utf8")).toBe("1");
    expect(readdirSync(join(tree, "var"))).toEqual(["run"]);
  });
});

rootTest("two at once make one snapshot of each layer", async () => {
  const image = imageOf({ a: "1" }, { b: "2" }, { c: "3" });
  const [one, other] = await Promise.all([unpackLayers(store, image), unpackLayers(store, image)]);
  expect(one.top?.number).toBe(other.top?.number);
  expect(readdirSync(store.paths.snapshots)).toHaveLength(3);
});

rootTest("large layers are unpacked in processes of their own", async () => {
  // Above the bound from which a process pays.
  const noise = () =>
    Buffer.from(crypto.getRandomValues(new Uint8Array(60_000)).toHex().repeat(45)).toString();
  const image = imageOf({ a: noise() }, { b: noise() });
  expect(image.manifest.layers.every(({ size }) => size > 5_000_000)).toBe(true);
  expect(await unpackLayers(store, image)).toMatchObject({ unpacked: 2, entries: 2 });
});

// Every run ended with "a header's checksum is wrong", and every pull found all blobs there already.
rootTest("a layer that was damaged on the disk is removed, and said to be", async () => {
  const image = imageOf({ a: "1" }, { b: "2" });
  const [layer] = image.manifest.layers;
  if (layer === undefined) throw new Error("no layer");
  writeFileSync(store.content.path(layer.digest), "damaged", { flag: "r+" });
  const failure = await unpackLayers(store, image).catch((error: unknown) => error);
  expect(hasCode(failure, "blob-damaged")).toBe(true);
  expect(store.content.has(layer.digest)).toBe(false);
  expect(readdirSync(store.paths.snapshots)).toEqual([]);
});

rootTest("a layer that is not what the config says leaves nothing", async () => {
  const image = imageOf({ a: "1" }, { b: "2" });
  const diffIDs = image.config.rootfs.diff_ids;
  const swapped = {
    ...image,
    config: { ...image.config, rootfs: { type: "layers" as const, diff_ids: [...diffIDs].reverse() } },
  };
  const failure = await unpackLayers(store, swapped).catch((error: unknown) => error);
  expect(hasCode(failure, "diff-id-mismatch")).toBe(true);
  expect(readdirSync(store.paths.snapshots)).toEqual([]);
  expect(listSnapshots(store.database)).toEqual([]);
  expect(listLeases(store.database)).toEqual([]);
});
