/** Making volumes, and telling of them. */
import type { HostPath } from "../../base/index.ts";
import { makeFolder } from "../../content/index.ts";
import { makeID } from "../options/name.ts";
import { inTransaction } from "../store/database.ts";
import type { Store } from "../store/store.ts";
import {
  ANONYMOUS_LABEL,
  addVolume,
  findVolume,
  listVolumes,
  listVolumeUses,
  type VolumeRecord,
} from "../store/volumes.ts";
import { checkVolumeOptions } from "./local-driver.ts";
import { makeVolumeFolder } from "./make-folder.ts";
import { checkDiffers, dataDirectory, NoSuchVolume } from "./place.ts";

/** One volume, as lists show it. */
export interface VolumeSummary extends VolumeRecord {
  readonly driver: "local";
  readonly mountpoint: HostPath;
  readonly scope: "local";
  /** IDs of the containers that have it. */
  readonly containers: readonly string[];
}

/** What is asked of a new volume. */
export interface VolumeRequest extends Pick<VolumeRecord, "options" | "labels"> {
  /** Absent: one is made up. */
  readonly name: string | undefined;
}

/**
 * Makes a volume; one that is there, with the same options or none asked for, is left as it is. It is nobody's own, whoever named it, so it
 * does not go with a container; one that nobody named goes with a prune, as docker has it.
 * @returns its name
 * @throws {VolumeDiffers} {InvalidOption}
 */
export function createVolume(store: Store, request: VolumeRequest): string {
  const { database, namespace } = store;
  const { name = makeID(), options } = request;
  const labels = request.name === undefined ? { ...request.labels, [ANONYMOUS_LABEL]: "" } : request.labels;
  checkVolumeOptions(options);
  // The limit comes before the record: where there can be none, there is no volume.
  if (options["size"] !== undefined && findVolume(database, namespace, name) === undefined)
    makeVolumeFolder(store, name, options);
  inTransaction(database, () => {
    const known = findVolume(database, namespace, name);
    if (known === undefined) addVolume(database, namespace, { name, options, labels, isAnonymous: false });
    else checkDiffers(known, options);
  });
  makeFolder(dataDirectory(store, name), 0o755);
  return name;
}

/** The volumes, by name. */
export function describeVolumes(store: Store): VolumeSummary[] {
  const uses = listVolumeUses(store.database, store.namespace);
  return listVolumes(store.database, store.namespace).map((volume) => ({
    ...volume,
    ...{ driver: "local", scope: "local", mountpoint: dataDirectory(store, volume.name) },
    containers: uses.filter((use) => use.volume === volume.name).map(({ container }) => container),
  }));
}

/** The volume `name`. @throws {NoSuchVolume} */
export function describeVolume(store: Store, name: string): VolumeSummary {
  const found = describeVolumes(store).find((volume) => volume.name === name);
  if (found === undefined) throw new NoSuchVolume({ name });
  return found;
}
