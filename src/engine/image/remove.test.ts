import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import {
  blobsOf,
  makeStore,
  nameImage,
  putBlob,
  putManifest,
  tarOf,
} from "../../../test/support/engine-store.ts";
import { hasCode, thisOwner } from "../../base/index.ts";
import { chainIDs, type DiffID, digestOf, mediaTypes } from "../../spec/index.ts";
import { addContainer } from "../store/containers.ts";
import { takeLease } from "../store/leases.ts";
import { addSnapshot, findSnapshot } from "../store/snapshots.ts";
import { type Store, snapshotDirectory } from "../store/store.ts";
import { collectGarbage } from "./collect.ts";
import { listImages } from "./list.ts";
import { removeImage } from "./remove.ts";
import { tagImage } from "./tag.ts";

const shared = tarOf({ "shared/file": "in both\n" });
const own = tarOf({ own: "in one\n" });

function code(work: () => unknown): string | undefined {
  try {
    work();
  } catch (error) {
    return error instanceof Error ? error.name : undefined;
  }
  return undefined;
}

/** Records the snapshots of a stack of layers, as unpacking does. */
function addSnapshots(store: Store, tars: readonly Uint8Array[]): number[] {
  const numbers: number[] = [];
  for (const key of chainIDs(tars.map((tar) => digestOf(tar) as string as DiffID))) {
    const found = findSnapshot(store.database, key);
    const parent = numbers.at(-1) ?? null;
    const { number } =
      found ?? addSnapshot(store.database, { kind: "committed", key, parent, size: 0, hidesLower: false });
    mkdirSync(snapshotDirectory(store, number), { recursive: true });
    numbers.push(number);
  }
  return numbers;
}

function addContainerOn(
  store: Store,
  name: string,
  image: ReturnType<typeof putManifest>,
  parent: number,
): void {
  const { number } = addSnapshot(store.database, {
    kind: "active",
    key: name,
    parent,
    size: 0,
    hidesLower: false,
  });
  const { mediaType, digest, size } = image;
  addContainer(store.database, store.namespace, {
    id: name,
    name,
    image: "x",
    imageTarget: { mediaType, digest, size },
    snapshot: number,
    settings: { command: [], autoRemove: false },
    owner: thisOwner(),
  });
}

test("removeImage() takes what only this image has, content and snapshots, and leaves what others share", () => {
  using made = makeStore();
  const { store } = made;
  nameImage(store, "kept", putManifest(store, [shared]));
  const kept = blobsOf(store);
  nameImage(store, "gone", putManifest(store, [shared, own]));
  const [base, top] = addSnapshots(store, [shared, own]);
  const { untagged, blobs, snapshots } = removeImage(store, "gone", { force: false });
  expect(untagged).toEqual(["gone:latest"]);
  expect(blobs).toHaveLength(3); // layer, config, manifest
  expect(snapshots).toBe(1);
  expect(blobsOf(store)).toEqual(kept);
  expect(existsSync(snapshotDirectory(store, base ?? -1))).toBe(true);
  expect(existsSync(snapshotDirectory(store, top ?? -1))).toBe(false);
});

test("removeImage() takes one of two names, and everything with the last", () => {
  using made = makeStore();
  const { store } = made;
  nameImage(store, "one", putManifest(store, [own]));
  tagImage(store, "one", "registry.test:5000/two:2");
  expect(removeImage(store, "one", { force: false }).blobs).toEqual([]);
  expect(listImages(store).map(({ name }) => name)).toEqual(["registry.test:5000/two:2"]);
  removeImage(store, "registry.test:5000/two:2", { force: false });
  expect(blobsOf(store)).toEqual([]);
});

test("removeImage() by ID wants force where there are several names, and then takes all", () => {
  using made = makeStore();
  const { store } = made;
  const { digest } = putManifest(store, [own]);
  nameImage(store, "one", putManifest(store, [own]));
  tagImage(store, "one", "two");
  const id = digest.slice("sha256:".length, "sha256:".length + 12);
  expect(code(() => removeImage(store, id, { force: false }))).toBe("image-has-names");
  expect(removeImage(store, id, { force: true }).untagged).toHaveLength(2);
});

test("removeImage() refuses what a container stands on; with force the container keeps all that it needs", () => {
  using made = makeStore();
  const { store } = made;
  const image = putManifest(store, [shared, own]);
  nameImage(store, "used", image);
  const [, top = -1] = addSnapshots(store, [shared, own]);
  addContainerOn(store, "box", image, top);
  const before = blobsOf(store);
  expect(code(() => removeImage(store, "used", { force: false }))).toBe("image-in-use");
  expect(listImages(store)).toHaveLength(1);
  expect(removeImage(store, "used", { force: true })).toMatchObject({ blobs: [], snapshots: 0 });
  expect(blobsOf(store)).toEqual(before);
});

test("collectGarbage() removes nothing while somebody is at work", () => {
  using made = makeStore();
  const { store } = made;
  putManifest(store, [own]);
  {
    using _lease = takeLease(store.database, "a pull");
    expect(collectGarbage(store)).toEqual({ blobs: [], bytes: 0, snapshots: 0 });
  }
  expect(collectGarbage(store).blobs).toHaveLength(3);
});

// They stayed for ever: numbers are not used again, and nobody else looked.
test("collectGarbage() removes directories that a killed collection left without a record", () => {
  using made = makeStore();
  const { store } = made;
  nameImage(store, "kept", putManifest(store, [shared]));
  const [kept = -1] = addSnapshots(store, [shared]);
  mkdirSync(join(snapshotDirectory(store, kept + 1), "fs"), { recursive: true });
  mkdirSync(join(store.paths.snapshots, "new-0a1b2c3d"));
  expect(collectGarbage(store)).toEqual({ blobs: [], bytes: 0, snapshots: 0 });
  expect(readdirSync(store.paths.snapshots).sort()).toEqual([`${kept}`, "new-0a1b2c3d"]);
});

// One such image, which load takes, and neither `teu images` nor `teu rmi` did anything any more, whatever the image.
test.each([
  ["no JSON", "not JSON", mediaTypes.config],
  ["not a config", "{}", mediaTypes.config],
  ["of another type", "{}", "application/vnd.oci.empty.v1+json"],
])("an image whose config is %s is listed, and in nobody's way", (_, config, mediaType) => {
  using made = makeStore();
  const { store } = made;
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: putBlob(store, config, mediaType),
    layers: [],
  };
  nameImage(store, "strange", putBlob(store, JSON.stringify(document), mediaTypes.manifest));
  nameImage(store, "plain", putManifest(store, [own]));
  expect(listImages(store).map(({ name, size }) => [name, size])).toEqual([
    ["plain:latest", own.length],
    ["strange:latest", undefined],
  ]);
  expect(removeImage(store, "plain", { force: false }).blobs).toHaveLength(3);
  expect(removeImage(store, "strange", { force: false }).blobs).toHaveLength(2);
});

test("collectGarbage() keeps an index although most of its platforms were never fetched", () => {
  using made = makeStore();
  const { store } = made;
  const here = putManifest(store, [own]);
  const elsewhere = {
    ...here,
    digest: digestOf("elsewhere"),
    platform: { os: "linux", architecture: "s390x" },
  };
  const manifests = [{ ...here, platform: { os: "linux", architecture: "amd64" } }, elsewhere];
  const text = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests });
  nameImage(store, "multi", putBlob(store, text, mediaTypes.index));
  const before = blobsOf(store);
  expect(collectGarbage(store).blobs).toEqual([]);
  expect(blobsOf(store)).toEqual(before);
});

test("collectGarbage() stops where a document is missing that a name needs, and removes nothing", () => {
  using made = makeStore();
  const { store } = made;
  const image = putManifest(store, [own]);
  nameImage(store, "broken", image);
  putBlob(store, "nobody's", "text/plain");
  store.content.delete(image.digest);
  const before = blobsOf(store);
  let caught: unknown;
  try {
    collectGarbage(store);
  } catch (error) {
    caught = error;
  }
  expect(hasCode(caught, "blob-not-found")).toBe(true);
  expect(blobsOf(store)).toEqual(before);
});

test.each([
  ["a digest", `one@sha256:${"0".repeat(64)}`, "invalid-option"],
  ["no image", "missing", undefined],
])("tagImage() refuses %s", (_, target, want) => {
  using made = makeStore();
  const { store } = made;
  if (want === undefined) expect(code(() => tagImage(store, "missing", "x"))).toBe("no-such-image");
  else expect(code(() => tagImage(store, "missing", target))).toBe(want);
});
