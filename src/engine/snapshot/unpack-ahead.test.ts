import { expect, test } from "bun:test";
import { existsSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { putManifest, tarOf, useStore } from "../../../test/support/engine-store.ts";
import { hasCode } from "../../base/index.ts";
import type { Descriptor } from "../../spec/index.ts";
import { readImage } from "../image/content.ts";
import { thisPlatform } from "../image/platform.ts";
import { listLeases } from "../store/leases.ts";
import { listSnapshots } from "../store/snapshots.ts";
import type { Store } from "../store/store.ts";
import { unpackLayers } from "./unpack.ts";
import { UnpackAhead } from "./unpack-ahead.ts";

const rootTest = test.skipIf(process.getuid?.() !== 0);

let store: Store;
useStore((opened) => {
  store = opened;
});

/** Above the bound from which a process pays. */
const noise = (): string => crypto.getRandomValues(new Uint8Array(60_000)).toHex().repeat(45);
const never = new AbortController().signal;
const aheadOf = (of: Store) =>
  new UnpackAhead(of, never, (image, signal, arrived) => unpackLayers(of, image, signal, arrived));
const imageOf = (...layers: Readonly<Record<string, string>>[]): ReturnType<typeof readImage> =>
  readImage(store, putManifest(store, layers.map(tarOf)), thisPlatform());
const done = (blob: Descriptor) => ({ kind: "done", blob }) as const;

/** For as long as the test may take: in an emulated machine a process starts in seconds. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await Bun.sleep(5);
}

rootTest("UnpackAhead unpacks what is here while the rest comes", async () => {
  const image = imageOf({ first: noise() }, { second: noise() });
  const { manifest, descriptor } = image;
  const [first, second] = manifest.layers as [Descriptor, Descriptor];
  const [path, elsewhere] = [store.content.path(second.digest), join(store.paths.run, "second")];
  renameSync(path, elsewhere);
  await using ahead = aheadOf(store);
  ahead.choose(descriptor, manifest);
  ahead.hear(done(first));
  ahead.hear(done(manifest.config));
  const unpacked = (name: string) =>
    readdirSync(store.paths.snapshots).some((at) => existsSync(join(store.paths.snapshots, at, "fs", name)));
  await until(() => unpacked("first"));
  expect(listSnapshots(store.database)).toEqual([]);
  renameSync(elsewhere, path);
  ahead.hear(done(second));
  expect(await ahead.result(descriptor)).toMatchObject({ unpacked: 2, present: 0, entries: 2 });
  expect(unpacked("second")).toBe(true);
  expect(listSnapshots(store.database)).toHaveLength(2);
});

rootTest("UnpackAhead leaves nothing when the pull ends without the image", async () => {
  const { manifest, descriptor } = imageOf({ first: noise() }, { second: noise() });
  {
    await using ahead = aheadOf(store);
    ahead.choose(descriptor, manifest);
    ahead.hear(done(manifest.config));
    ahead.hear(done(manifest.layers[0] as Descriptor));
    await until(() => readdirSync(store.paths.snapshots).length > 0);
  }
  expect(readdirSync(store.paths.snapshots)).toEqual([]);
  expect(listLeases(store.database)).toEqual([]);
});

rootTest(
  "UnpackAhead tells of a layer that is not what the config says when the image is wanted",
  async () => {
    const { manifest, descriptor } = imageOf({ first: noise() }, { second: noise() });
    const swapped = { ...manifest, layers: manifest.layers.toReversed() };
    await using ahead = aheadOf(store);
    ahead.choose(descriptor, swapped);
    for (const blob of [swapped.config, ...swapped.layers]) ahead.hear(done(blob));
    const failure = await ahead.result(descriptor).catch((error: unknown) => error);
    expect(hasCode(failure, "diff-id-mismatch")).toBe(true);
    expect(listSnapshots(store.database)).toEqual([]);
  },
);

rootTest(
  "UnpackAhead leaves small images, and others than the one that was said first, to unpackLayers()",
  async () => {
    const small = imageOf({ a: "1" }, { b: "2" });
    await using ahead = aheadOf(store);
    ahead.choose(small.descriptor, small.manifest);
    for (const blob of [small.manifest.config, ...small.manifest.layers]) ahead.hear(done(blob));
    expect(await ahead.result(small.descriptor)).toBeUndefined();
    const large = imageOf({ first: noise() }, { second: noise() });
    ahead.choose(large.descriptor, large.manifest);
    expect(await ahead.result(small.descriptor)).toBeUndefined();
  },
);
