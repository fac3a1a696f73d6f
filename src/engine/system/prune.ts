/**
 * `teu system prune`: removes what nobody needs, or tells what it would remove, each with the reason. With a budget, images go, those that
 * were used longest ago first, until the rest fits.
 */

import { isAlive, isTeuError } from "../../base/index.ts";
import { familiarReference, parseReference } from "../../spec/index.ts";
import { removeContainer } from "../container/remove.ts";
import { type Collected, collectGarbage } from "../image/collect.ts";
import { readImage } from "../image/content.ts";
import { publishNames } from "../image/names.ts";
import { thisPlatform } from "../image/platform.ts";
import { removeIdle } from "../network/list.ts";
import { type ContainerRecord, listContainers } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import type { EventType } from "../store/events.ts";
import { deleteImage, type ImageRecord, listImages } from "../store/images.ts";
import { listLeases } from "../store/leases.ts";
import type { NetworkRecord } from "../store/networks.ts";
import { notePrune } from "../store/passing-events.ts";
import { containerDirectory, type Store, snapshotDirectory } from "../store/store.ts";
import { pruneVolumes } from "../volume/remove.ts";
import { treeSize } from "../volume/size.ts";
import { blobsOf, diskUsage } from "./df.ts";

/** Kinds of things: of images every one that no container has, of volumes those without a name; content is what no image leads to. */
export type PruneKind = "container" | "network" | "volume" | "image" | "content";

/** What to remove. */
export interface PruneOptions {
  readonly kinds: ReadonlySet<PruneKind>;
  /** Only what is older than this moment, in milliseconds since 1970. */
  readonly until?: number;
  /** Of images only those whose labels fit. */
  readonly isLabelled?: (labels: Readonly<Record<string, string>>) => boolean;
  /** Instead of all this: images until everything of images is no more than so many bytes. */
  readonly budgetBytes?: number;
  /** With a budget: only images that were last used before this moment. */
  readonly usedBefore?: number;
  /** Tell, and remove nothing. */
  readonly isDryRun: boolean;
}

/** One thing that goes. */
export interface Pruned {
  readonly kind: PruneKind;
  readonly name: string;
  readonly bytes: number;
  readonly reason: string;
  /** When it was used last, in milliseconds since 1970, where that is known: an image pulled or made a container of, a container ended. */
  readonly lastUsed?: number;
}

/** Yields what goes, or would go. Each kind is told of when its last one is gone. */
export async function* prune(store: Store, options: PruneOptions): AsyncGenerator<Pruned> {
  const types = typesOf(options);
  const freed = new Map<EventType, number>();
  for await (const gone of pruneAll(store, options)) {
    // Of an image it is what it shares, too: what goes is the content.
    const type = gone.kind === "content" ? "image" : gone.kind;
    if (gone.kind !== "image") freed.set(type, (freed.get(type) ?? 0) + gone.bytes);
    yield gone;
  }
  if (!options.isDryRun) for (const type of types) notePrune(store, type, freed.get(type) ?? 0);
}

/** Of which is told: volumes tell of themselves. */
function typesOf({ kinds, budgetBytes }: PruneOptions): EventType[] {
  if (budgetBytes !== undefined) return ["image"];
  const others = (["container", "network"] as const).filter((kind) => kinds.has(kind));
  return [...others, ...(kinds.has("image") || kinds.has("content") ? (["image"] as const) : [])];
}

async function* pruneAll(store: Store, options: PruneOptions): AsyncGenerator<Pruned> {
  if (options.budgetBytes !== undefined) yield* fitBudget(store, options.budgetBytes, options);
  else {
    const { kinds } = options;
    if (kinds.has("container")) yield* pruneContainers(store, options);
    if (kinds.has("network")) yield* pruneNetworks(store, options);
    if (kinds.has("volume")) yield* volumesOf(store, options);
    if (kinds.has("image")) yield* pruneImages(store, options);
  }
  if (options.isDryRun) return;
  const { blobs, snapshots, bytes } = options.kinds.has("content") ? collectGarbage(store) : NOTHING;
  // After it: a disk that is full has room for the index now.
  if (options.budgetBytes !== undefined || options.kinds.has("image")) publishNames(store);
  if (blobs.length > 0 || snapshots > 0)
    yield {
      ...{ kind: "content", name: `${blobs.length} blobs, ${snapshots} layers`, bytes },
      reason: "no image that has a name, and no container, leads to it",
    };
}

const NOTHING: Collected = { blobs: [], snapshots: 0, bytes: 0 };

function isOld(createdAt: number, { until }: PruneOptions): boolean {
  return until === undefined || createdAt < until;
}

async function* pruneContainers(store: Store, options: PruneOptions): AsyncGenerator<Pruned> {
  for (const container of listContainers(store.database, store.namespace)) {
    if (container.phase !== "exited" || isAlive(container.owner)) continue;
    if (!isOld(container.createdAt, options)) continue;
    const bytes = sizeOf(store, container);
    if (!options.isDryRun) await removeContainer(store, container, { force: false });
    const ended = container.exitStatus === null ? "never ran" : `ended with status ${container.exitStatus}`;
    const lastUsed = container.finishedAt ?? container.createdAt;
    yield { kind: "container", name: container.name, bytes, reason: `it ${ended}`, lastUsed };
  }
}

function sizeOf(store: Store, { id, snapshot }: ContainerRecord): number {
  const written = snapshot === null ? 0 : treeSize(snapshotDirectory(store, snapshot));
  return written + treeSize(containerDirectory(store, id));
}

/** One that a container that is stopped is in is kept: it will be asked for by name. */
function* pruneNetworks(store: Store, options: PruneOptions): Generator<Pruned> {
  const { database, namespace } = store;
  const wanted = new Set(
    listContainers(database, namespace).flatMap(({ settings }) =>
      (settings.networks ?? []).map(({ name }) => name),
    ),
  );
  const isWanted = ({ name, createdAt }: NetworkRecord): boolean =>
    !wanted.has(name) && isOld(createdAt, options);
  for (const name of removeIdle(store, isWanted, options.isDryRun))
    yield { kind: "network", name, bytes: 0, reason: "no container is in it" };
}

function* volumesOf(store: Store, options: PruneOptions): Generator<Pruned> {
  const isWanted = ({ createdAt }: { readonly createdAt: number }) => isOld(createdAt, options);
  const reason = "it has no name of its own, and its container is gone";
  for (const volume of pruneVolumes(store, { all: false, isWanted, isDryRun: options.isDryRun }))
    yield { kind: "volume", ...volume, reason };
}

function* pruneImages(store: Store, options: PruneOptions): Generator<Pruned> {
  for (const image of unusedImages(store)) {
    if (!isOld(image.createdAt, options)) continue;
    if (options.isLabelled !== undefined && !options.isLabelled(labelsOf(store, image))) continue;
    if (!options.isDryRun && !forget(store, image)) continue;
    yield pruned(store, image, "no container has it");
  }
}

/** Of the image for this machine; one that is for another, or none that can run, has none. */
function labelsOf(store: Store, image: ImageRecord): Readonly<Record<string, string>> {
  try {
    return readImage(store, image, thisPlatform()).config.config?.Labels ?? {};
  } catch (error) {
    if (!isTeuError(error)) throw error;
    return {};
  }
}

function pruned(store: Store, image: ImageRecord, reason: string): Pruned {
  const bytes = [...blobsOf(store, image).values()].reduce((sum, size) => sum + size, 0);
  const name = familiarReference(parseReference(image.reference));
  return { kind: "image", name, bytes, reason, lastUsed: lastUse(image) };
}

/** Those that were used longest ago first. */
function unusedImages({ database, namespace }: Store): ImageRecord[] {
  const used = new Set(listContainers(database, namespace).map(({ imageTarget }) => imageTarget.digest));
  return listImages(database, namespace)
    .filter(({ digest }) => !used.has(digest))
    .sort((a, b) => lastUse(a) - lastUse(b));
}

function lastUse({ usedAt, updatedAt }: ImageRecord): number {
  return Math.max(usedAt ?? 0, updatedAt);
}

/** Takes the name away, unless a container has the image by now. @returns whether it is gone */
function forget({ database, namespace }: Store, { reference, digest }: ImageRecord): boolean {
  return inTransaction(database, () => {
    const isUsed = listContainers(database, namespace).some(
      ({ imageTarget }) => imageTarget.digest === digest,
    );
    if (!isUsed) deleteImage(database, namespace, reference);
    return !isUsed;
  });
}

function isBusy({ database }: Store): boolean {
  return listLeases(database).some(({ owner }) => isAlive(owner));
}

/** What an image takes is known when it is gone: layers are shared. */
function* fitBudget(store: Store, budget: number, options: PruneOptions): Generator<Pruned> {
  const used = () => diskUsage(store).find(({ type }) => type === "Images")?.bytes ?? 0;
  let bytes = used();
  for (const image of unusedImages(store)) {
    if (bytes <= budget) return;
    if (options.usedBefore !== undefined && lastUse(image) >= options.usedBefore) return;
    const told = pruned(store, image, `images take ${bytes} bytes of ${budget}, and it was used longest ago`);
    if (options.isDryRun) bytes -= told.bytes;
    else {
      if (!forget(store, image)) continue;
      collectGarbage(store);
      // While somebody is at work its content stays until later: other images need not go for that.
      bytes = isBusy(store) ? bytes - told.bytes : used();
    }
    yield told;
  }
}
