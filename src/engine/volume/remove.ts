/**
 * Removing volumes. A volume of which the removal has begun is none any more: it loses its name and its directory in one
 * step, and its files go afterwards. Whoever is killed at it leaves the rest to the next command.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { type HostPath, randomHex } from "../../base/index.ts";
import { unmount } from "../mount/calls.ts";
import { projectIn, releaseProject } from "../snapshot/limit-directory.ts";
import { inTransaction } from "../store/database.ts";
import { takeLease } from "../store/leases.ts";
import { notePrune } from "../store/passing-events.ts";
import type { Store } from "../store/store.ts";
import {
  ANONYMOUS_LABEL,
  deleteVolume,
  findVolume,
  listVolumeUses,
  markRemoving,
  removingVolumes,
} from "../store/volumes.ts";
import { describeVolumes, type VolumeSummary } from "./create.ts";
import { dataDirectory, NoSuchVolume, VolumeInUse, volumeDirectory } from "./place.ts";
import { treeSize } from "./size.ts";

/** Removes the volume `name`, which no container has. @throws {NoSuchVolume} {VolumeInUse} */
export function removeVolume(store: Store, name: string): void {
  const { database, namespace } = store;
  inTransaction(database, () => {
    if (findVolume(database, namespace, name) === undefined) throw new NoSuchVolume({ name });
    const containers = listVolumeUses(database, namespace, name).map(({ container }) => container);
    if (containers.length > 0) throw new VolumeInUse({ name, containers });
    markRemoving(database, namespace, name);
  });
  finishRemoval(store, name);
}

/**
 * Begins the removal of those of `names` that are anonymous and that no container has. The caller is in a transaction, and calls
 * `finishRemovals` after it.
 */
export function removeUnused({ database, namespace }: Store, names: readonly string[]): void {
  for (const name of names) {
    const isAnonymous = findVolume(database, namespace, name)?.isAnonymous === true;
    if (isAnonymous && listVolumeUses(database, namespace, name).length === 0)
      markRemoving(database, namespace, name);
  }
}

/** Which volumes a prune removes. */
export interface VolumePrune {
  /** Named ones too; docker since 23 spares them. */
  readonly all: boolean;
  readonly isWanted: (volume: VolumeSummary) => boolean;
  /** Tell, and remove nothing. */
  readonly isDryRun?: boolean;
}

/** Removes the volumes that no container has. @returns what went, or would go */
export function pruneVolumes(
  store: Store,
  { all, isWanted, isDryRun = false }: VolumePrune,
): { name: string; bytes: number }[] {
  const pruned: { name: string; bytes: number }[] = [];
  for (const volume of describeVolumes(store)) {
    const { name, containers } = volume;
    const isAnonymous = volume.isAnonymous || Object.hasOwn(volume.labels, ANONYMOUS_LABEL);
    if (containers.length > 0 || !(all || isAnonymous) || !isWanted(volume)) continue;
    const bytes = treeSize(dataDirectory(store, name));
    try {
      if (!isDryRun) removeVolume(store, name);
    } catch (error) {
      // A container came, or somebody else was first.
      if (error instanceof VolumeInUse || error instanceof NoSuchVolume) continue;
      throw error;
    }
    pruned.push({ name, bytes });
  }
  if (!isDryRun)
    notePrune(
      store,
      "volume",
      pruned.reduce((sum, { bytes }) => sum + bytes, 0),
    );
  return pruned;
}

/** Ends the removals that killed commands have begun. */
export function finishRemovals(store: Store): void {
  for (const { namespace, name } of removingVolumes(store.database))
    finishRemoval({ ...store, namespace }, name);
}

function finishRemoval(store: Store, name: string): void {
  const { database, namespace, paths } = store;
  const directory = volumeDirectory(store, name);
  unmount(dataDirectory(store, name));
  mkdirSync(paths.volumes, { recursive: true, mode: 0o700 });
  // No volume's name begins so.
  const aside = join(paths.volumes, `.removed-${randomHex(8)}`);
  using _lease = takeLease(database, `remove volume ${name}`, relative(paths.snapshots, aside));
  // Whoever has the right to write does both: a new volume of this name cannot come in between.
  inTransaction(database, () => {
    if (deleteVolume(database, namespace, name) && existsSync(directory)) renameSync(directory, aside);
  });
  const project = existsSync(aside) ? projectIn(aside as HostPath) : undefined;
  rmSync(aside, { recursive: true, force: true });
  if (project !== undefined) releaseProject(store, paths.volumes, project);
}
