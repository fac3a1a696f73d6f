/**
 * Unpacks layers again whose directories are broken. The old ones keep their records under another key until the new ones are there;
 * then the containers that stood on them stand on those, and the old ones go. Whoever is killed meanwhile leaves what the next repair takes up.
 */
import { rmSync } from "node:fs";
import { isAlive, TeuError } from "../../base/index.ts";
import { chainIDs } from "../../spec/index.ts";
import { type ImageDocuments, isComplete, readImage } from "../image/content.ts";
import { thisPlatform } from "../image/platform.ts";
import { unpackLayers } from "../snapshot/unpack.ts";
import { type ContainerRecord, listContainers } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import { listImages } from "../store/images.ts";
import { takeLease } from "../store/leases.ts";
import {
  deleteSnapshot,
  findSnapshot,
  listSnapshots,
  moveSnapshots,
  renameSnapshot,
  type SnapshotRecord,
} from "../store/snapshots.ts";
import { type Store, snapshotDirectory } from "../store/store.ts";
import { BROKEN } from "./check.ts";

/** A layer cannot be made again now. */
export class LayerNotRepaired extends TeuError<"layer-not-repaired", { chainID: string; why: string }> {
  constructor(context: { chainID: string; why: string }, options?: { hint: string }) {
    super(
      "layer-not-repaired",
      "failed-precondition",
      context,
      `Cannot unpack layer ${context.chainID} again: ${context.why}`,
      options,
    );
  }
}

/** Makes the layer of snapshot `number`, and those on it, again. One that is gone by now is no error. @throws {LayerNotRepaired} */
export async function unpackAgain(store: Store, number: number, signal?: AbortSignal): Promise<void> {
  const { database } = store;
  using _lease = takeLease(database, "repair");
  const all = listSnapshots(database);
  const broken = all.find((snapshot) => snapshot.number === number);
  if (broken === undefined) return;
  const stack = standingOn(all, broken);
  const layers = stack.filter(({ kind }) => kind === "committed");
  const containers = containersOn(store, stack);
  const running = containers.find(({ phase, owner }) => phase !== "exited" || isAlive(owner));
  if (running !== undefined)
    throw new LayerNotRepaired(
      { chainID: keyOf(broken), why: `container ${running.name} runs on it` },
      { hint: `'teu stop ${running.name}', then repair once more` },
    );
  const images = imagesWith(store, new Set(layers.map(keyOf)), containers);
  inTransaction(database, () => {
    for (const layer of layers) renameSnapshot(database, layer.number, `${BROKEN}${keyOf(layer)}`);
  });
  for (const image of images) await unpackLayers(store, image, signal);
  const left = inTransaction(database, () => replace(store, layers));
  if (left !== undefined)
    throw new LayerNotRepaired({ chainID: keyOf(left), why: "no image that is here in whole has it" });
  for (const layer of layers)
    rmSync(snapshotDirectory(store, layer.number), { recursive: true, force: true });
}

/** Its chainID, also while it is being repaired. */
function keyOf({ key }: SnapshotRecord): string {
  return key.startsWith(BROKEN) ? key.slice(BROKEN.length) : key;
}

/** A snapshot and all that stands on it, itself first. */
function standingOn(all: readonly SnapshotRecord[], base: SnapshotRecord): SnapshotRecord[] {
  const above = all.filter(({ parent }) => parent === base.number);
  return [base, ...above.flatMap((snapshot) => standingOn(all, snapshot))];
}

function containersOn({ database, namespace }: Store, stack: readonly SnapshotRecord[]): ContainerRecord[] {
  const numbers = new Set(stack.map(({ number }) => number));
  return listContainers(database, namespace).filter(
    ({ snapshot }) => snapshot !== null && numbers.has(snapshot),
  );
}

/** Images that are here in whole and have one of the layers. */
function imagesWith(
  store: Store,
  keys: ReadonlySet<string>,
  containers: readonly ContainerRecord[],
): ImageDocuments[] {
  const targets = [
    ...listImages(store.database, store.namespace),
    ...containers.map(({ imageTarget }) => imageTarget),
  ];
  return targets.flatMap((target) => {
    try {
      const image = readImage(store, target, thisPlatform());
      const isOne = chainIDs(image.config.rootfs.diff_ids).some((chainID) => keys.has(chainID));
      return isOne && isComplete(store, image) ? [image] : [];
    } catch {
      return []; // what is wrong with an image is told where images are looked at
    }
  });
}

/** Puts what stood on the old layers on the new ones. @returns a layer that is wanted and was not made; then nothing has changed */
function replace({ database }: Store, layers: readonly SnapshotRecord[]): SnapshotRecord | undefined {
  const olds = new Set(layers.map(({ number }) => number));
  const isWanted = ({ number }: SnapshotRecord): boolean =>
    listSnapshots(database).some(({ parent, kind }) => parent === number && kind === "active");
  const left = layers.find((layer) => isWanted(layer) && findSnapshot(database, keyOf(layer)) === undefined);
  if (left !== undefined) {
    for (const layer of layers)
      if (findSnapshot(database, keyOf(layer)) === undefined)
        renameSnapshot(database, layer.number, keyOf(layer));
    return left;
  }
  for (const layer of layers.toReversed()) {
    const made = findSnapshot(database, keyOf(layer));
    for (const { number, parent, kind } of listSnapshots(database))
      if (parent === layer.number && kind === "active" && !olds.has(number) && made !== undefined)
        moveSnapshots(database, layer.number, made.number);
    deleteSnapshot(database, layer.number);
  }
  return undefined;
}
