/** `teu system df`: what takes how much room, and how much of that nobody needs. Docker's columns. */

import { walkImage } from "../../image/index.ts";
import { type Digest, familiarReference, parseReference } from "../../spec/index.ts";
import { type ContainerRecord, listContainers } from "../store/containers.ts";
import { type ImageRecord, listImages } from "../store/images.ts";
import { listSnapshots } from "../store/snapshots.ts";
import { containerDirectory, type Store, snapshotDirectory } from "../store/store.ts";
import { listVolumes, listVolumeUses } from "../store/volumes.ts";
import { dataDirectory } from "../volume/place.ts";
import { treeSize } from "../volume/size.ts";

/** One thing and its bytes. */
export interface Usage {
  readonly name: string;
  readonly bytes: number;
  readonly isActive: boolean;
}

/** All of one kind. */
export interface UsageOfKind {
  readonly type: "Images" | "Containers" | "Local Volumes" | "Logs";
  readonly total: number;
  readonly active: number;
  /** What is shared is counted once. */
  readonly bytes: number;
  readonly reclaimableBytes: number;
  readonly items: readonly Usage[];
}

/** What lies in the store. Compressed layers and what they were unpacked to both count. */
export function diskUsage(store: Store): UsageOfKind[] {
  const containers = listContainers(store.database, store.namespace);
  return [imageUsage(store, containers), ...containerUsage(store, containers), volumeUsage(store)];
}

function imageUsage(store: Store, containers: readonly ContainerRecord[]): UsageOfKind {
  const records = listImages(store.database, store.namespace);
  const used = new Set(containers.map(({ imageTarget }) => imageTarget.digest));
  const items = records.map((record) => ({
    name: familiarReference(parseReference(record.reference)),
    bytes: [...blobsOf(store, record).values()].reduce((sum, size) => sum + size, 0),
    isActive: used.has(record.digest),
  }));
  const stored = [...store.content.digests()].reduce(
    (sum, digest) => sum + (store.content.stat(digest)?.size ?? 0),
    0,
  );
  const layers = listSnapshots(store.database).filter(({ kind }) => kind === "committed");
  const unpacked = layers.map((layer) => ({
    layer,
    bytes: treeSize(snapshotDirectory(store, layer.number)),
  }));
  const needed = new Set<Digest>();
  for (const record of records)
    if (used.has(record.digest)) for (const digest of blobsOf(store, record).keys()) needed.add(digest);
  for (const { imageTarget } of containers) needed.add(imageTarget.digest);
  const kept = keptSnapshots(store);
  const reclaimable =
    [...store.content.digests()]
      .filter((digest) => !needed.has(digest))
      .reduce((sum, digest) => sum + (store.content.stat(digest)?.size ?? 0), 0) +
    unpacked.filter(({ layer }) => !kept.has(layer.number)).reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    ...{
      type: "Images",
      total: items.length,
      active: items.filter(({ isActive }) => isActive).length,
      items,
    },
    bytes: stored + unpacked.reduce((sum, { bytes }) => sum + bytes, 0),
    reclaimableBytes: reclaimable,
  };
}

/** What an image leads to and is here; one whose documents are damaged leads nowhere. */
export function blobsOf({ content }: Store, record: ImageRecord): Map<Digest, number> {
  const blobs = new Map<Digest, number>();
  try {
    for (const { descriptor, isHere } of walkImage(content, record))
      if (isHere) blobs.set(descriptor.digest, descriptor.size);
  } catch {
    // 'teu system check' tells of it.
  }
  return blobs;
}

/** Layers that a container stands on. */
function keptSnapshots({ database }: Store): Set<number> {
  const all = new Map(listSnapshots(database).map((snapshot) => [snapshot.number, snapshot]));
  const kept = new Set<number>();
  for (const snapshot of all.values())
    if (snapshot.kind === "active")
      for (let at = snapshot.parent; at !== null; at = all.get(at)?.parent ?? null) kept.add(at);
  return kept;
}

function containerUsage(store: Store, containers: readonly ContainerRecord[]): UsageOfKind[] {
  const measured = (
    type: "Containers" | "Logs",
    sizeOf: (container: ContainerRecord) => number,
  ): UsageOfKind => {
    const items = containers.map((container) => ({
      name: container.name,
      bytes: sizeOf(container),
      isActive: container.phase === "running",
    }));
    const sum = (some: readonly Usage[]) => some.reduce((bytes, item) => bytes + item.bytes, 0);
    const active = items.filter(({ isActive }) => isActive);
    return {
      ...{ type, total: items.length, active: active.length, items, bytes: sum(items) },
      reclaimableBytes: sum(items.filter(({ isActive }) => !isActive)),
    };
  };
  return [
    measured("Containers", ({ snapshot }) =>
      snapshot === null ? 0 : treeSize(snapshotDirectory(store, snapshot)),
    ),
    measured("Logs", ({ id }) => treeSize(containerDirectory(store, id))),
  ];
}

function volumeUsage(store: Store): UsageOfKind {
  const used = new Set(listVolumeUses(store.database, store.namespace).map(({ volume }) => volume));
  const items = listVolumes(store.database, store.namespace).map(({ name }) => ({
    name,
    bytes: treeSize(dataDirectory(store, name)),
    isActive: used.has(name),
  }));
  const sum = (some: readonly Usage[]) => some.reduce((bytes, item) => bytes + item.bytes, 0);
  const active = items.filter(({ isActive }) => isActive);
  return {
    ...{ type: "Local Volumes", total: items.length, active: active.length, items, bytes: sum(items) },
    reclaimableBytes: sum(items.filter(({ isActive }) => !isActive)),
  };
}
