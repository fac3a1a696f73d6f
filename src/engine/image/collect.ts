/**
 * Removes content and snapshots that nothing refers to. What is kept is worked out from the records alone, in one
 * transaction in which nobody else can begin anything; while anybody is at work (a lease), nothing is removed at all.
 * A document that should be here and is not stops the collection: absence that nobody can explain is no reason to delete.
 */
import { readdirSync, rmSync } from "node:fs";
import { type HostPath, hasCode, isAlive } from "../../base/index.ts";
import {
  type ChainID,
  chainIDs,
  type Digest,
  MAX_CONFIG_BYTES,
  MAX_MANIFEST_BYTES,
  mediaTypeKind,
  parseImageConfig,
  parseManifestOrIndex,
} from "../../spec/index.ts";
import { containerTargets } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import { imageTargets } from "../store/images.ts";
import { listLeases } from "../store/leases.ts";
import { deleteSnapshot, listSnapshots, type SnapshotRecord } from "../store/snapshots.ts";
import { type Store, snapshotDirectory } from "../store/store.ts";
import type { Target } from "./content.ts";

/** What was removed. */
export interface Collected {
  readonly blobs: readonly Digest[];
  readonly bytes: number;
  readonly snapshots: number;
}

/** Collects, unless somebody is at work. */
export function collectGarbage(store: Store): Collected {
  const { directories, ...collected } = inTransaction(store.database, () => sweep(store));
  // The records are gone, so nobody can come upon the directories; their removal may take its time.
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  return collected;
}

function sweep(store: Store): Collected & { directories: HostPath[] } {
  if (listLeases(store.database).some(({ owner }) => isAlive(owner)))
    return { blobs: [], bytes: 0, snapshots: 0, directories: [] };
  const kept = new Kept(store);
  for (const target of [...imageTargets(store.database), ...containerTargets(store.database)])
    kept.walk(target);
  const blobs: Digest[] = [];
  let bytes = 0;
  for (const digest of [...store.content.digests()]) {
    if (kept.blobs.has(digest)) continue;
    bytes += store.content.stat(digest)?.size ?? 0;
    store.content.delete(digest);
    blobs.push(digest);
  }
  const snapshots = unneeded(listSnapshots(store.database), kept.chainIDs);
  for (const { number } of snapshots) deleteSnapshot(store.database, number);
  return { blobs, bytes, snapshots: snapshots.length, directories: unrecorded(store) };
}

/** Directories of snapshots that have no record: it is gone by now, or a collection that was killed took it. */
function unrecorded(store: Store): HostPath[] {
  const recorded = new Set(listSnapshots(store.database).map(({ number }) => number));
  return readdirSync(store.paths.snapshots)
    .filter((name) => /^[0-9]+$/.test(name) && !recorded.has(Number(name)))
    .map((name) => snapshotDirectory(store, Number(name)));
}

/** Committed snapshots on which no image and no container stands, those on top first. */
function unneeded(all: readonly SnapshotRecord[], chainIDs: ReadonlySet<string>): SnapshotRecord[] {
  const byNumber = new Map(all.map((snapshot) => [snapshot.number, snapshot]));
  const needed = new Set<number>();
  for (const snapshot of all) {
    if (snapshot.kind === "committed" && !chainIDs.has(snapshot.key)) continue;
    for (let at: SnapshotRecord | undefined = snapshot; at !== undefined; at = byNumber.get(at.parent ?? -1))
      needed.add(at.number);
  }
  return all.filter(({ number }) => !needed.has(number)).sort((a, b) => b.number - a.number);
}

/** What the records lead to. */
class Kept {
  readonly blobs = new Set<Digest>();
  readonly chainIDs = new Set<string>();
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** @param isOptional  An index names manifests of platforms that were never fetched. */
  walk(target: Target, isOptional = false): void {
    if (this.blobs.has(target.digest)) return;
    if (isOptional && !this.#store.content.has(target.digest)) return;
    this.blobs.add(target.digest);
    if (mediaTypeKind(target.mediaType) === "other") return;
    const bytes = this.#store.content.readBytes(target.digest, MAX_MANIFEST_BYTES);
    const document = parseManifestOrIndex(bytes, target.mediaType);
    if (document.kind === "index") {
      for (const entry of document.index.manifests) this.walk(entry, true);
      return;
    }
    const { config, layers } = document.manifest;
    for (const { digest } of [config, ...layers]) this.blobs.add(digest);
    if (mediaTypeKind(config.mediaType) === "config" && this.#store.content.has(config.digest))
      for (const chainID of this.#chainIDsOf(config.digest)) this.chainIDs.add(chainID);
  }

  #chainIDsOf(config: Digest): readonly ChainID[] {
    const bytes = this.#store.content.readBytes(config, MAX_CONFIG_BYTES);
    try {
      return chainIDs(parseImageConfig(bytes).rootfs.diff_ids);
    } catch (error) {
      // Whole, but no config: such an image was loaded, and never unpacked.
      if (hasCode(error, "invalid-document") || hasCode(error, "invalid-json")) return [];
      throw error;
    }
  }
}
