/** The volumes of one container: recorded with it, mounted and filled before it is created, let go when it has ended. */
import { join } from "node:path";
import { type HostPath, isAlive } from "../../base/index.ts";
import { makeFolder } from "../../content/index.ts";
import { tryLockFile } from "../../sys/index.ts";
import { isMountPoint, unmount } from "../mount/calls.ts";
import { placeOf, showPart } from "../mount/places.ts";
import { makeID } from "../options/name.ts";
import type { BindMount, VolumeMount } from "../options/volume.ts";
import type { MountLayers } from "../snapshot/overlay.ts";
import { type ContainerRecord, listContainers, type NamedVolume } from "../store/containers.ts";
import { bundleDirectory, type Store } from "../store/store.ts";
import { ANONYMOUS_LABEL, addVolume, addVolumeUse, findVolume, listVolumeUses } from "../store/volumes.ts";
import { checkDiffers, dataDirectory, volumeDirectory } from "./place.ts";

/** Gives volumes without a name one. */
export function nameVolumes(volumes: readonly VolumeMount[]): NamedVolume[] {
  return volumes.map((volume) => ({ ...volume, name: volume.name ?? makeID() }));
}

/**
 * Records that `container` has these volumes, and those that are not there.
 * @param isAnonymous  Whether a volume that is made now goes with its last container.
 * The caller is in a transaction, and has recorded the container.
 */
export function holdVolumes(
  { database, namespace }: Store,
  container: string,
  volumes: readonly NamedVolume[],
  isAnonymous: (name: string) => boolean,
): void {
  for (const { name, options = {}, labels = {} } of volumes) {
    const known = findVolume(database, namespace, name);
    if (known !== undefined) checkDiffers(known, options);
    else if (isAnonymous(name))
      addVolume(database, namespace, {
        ...{ name, options, isAnonymous: true },
        labels: { ...labels, [ANONYMOUS_LABEL]: "" },
      });
    else addVolume(database, namespace, { name, options, labels, isAnonymous: false });
    addVolumeUse(database, namespace, { container, volume: name });
  }
}

/**
 * Makes the volumes of `container` ready: there, mounted where their options say so, and, for a new container, filled with what its image
 * has in their place; and the images whose files it sees. @returns what the container is to see
 */
export async function openVolumes(
  store: Store,
  container: ContainerRecord,
  rootfs: HostPath,
  { isNew, mount: mountLayers }: { readonly isNew: boolean; readonly mount: MountLayers },
): Promise<BindMount[]> {
  const opened: BindMount[] = [];
  for (const [index, mount] of (container.settings.mounts ?? []).entries()) {
    if (mount.kind === "bind") continue;
    const place = placeOf(bundleDirectory(store, container.id), index);
    const source =
      mount.kind === "image"
        ? await (await import("../mount/image.ts")).showImage(store, container, mount, {
            index,
            place,
            mount: mountLayers,
          })
        : await openVolume(store, mount, place, isNew ? rootfs : undefined);
    const { destination, readonly } = mount;
    const isMapped = mount.kind === "volume" ? ({ isMapped: true } as const) : {};
    opened.push({ kind: "bind", source, destination, readonly, propagation: "rprivate", ...isMapped });
  }
  return opened;
}

/**
 * Makes one volume ready. @param place  Where a part of it is shown. @param rootfs  A new container's root, to fill it from.
 * @returns where its files are
 */
export async function openVolume(
  store: Store,
  { name, destination, copies, subpath }: NamedVolume,
  place: HostPath,
  rootfs?: HostPath,
): Promise<HostPath> {
  const { completePopulation, populateVolume } = await import("./populate.ts");
  const around = volumeDirectory(store, name);
  const data = dataDirectory(store, name);
  const options = findVolume(store.database, store.namespace, name)?.options;
  if (options?.["size"] === undefined) makeFolder(data, 0o755);
  else (await import("./make-folder.ts")).makeVolumeFolder(store, name, options);
  using _lock = await lock(around);
  await mountIfNeeded(store, name, data);
  const isMounted = isMountPoint(data);
  if (!isMounted) completePopulation({ around, data });
  if (rootfs !== undefined && copies) populateVolume({ around, data, isMounted }, rootfs, destination);
  return subpath === undefined ? data : showPart(data, subpath, place, `volume ${name}`);
}

async function mountIfNeeded({ database, namespace }: Store, name: string, data: HostPath): Promise<void> {
  const options = findVolume(database, namespace, name)?.options ?? {};
  if (Object.keys(options).length === 0 || isMountPoint(data)) return;
  const { isMounted, mountVolume } = await import("./local-driver.ts");
  if (!isMounted(options)) return;
  await mountVolume(name, options, data);
}

/** Unmounts what is mounted for volumes of `container`, which has ended, and of no other one that goes on. */
export async function closeVolumes(store: Store, container: ContainerRecord): Promise<void> {
  for (const mount of container.settings.mounts ?? []) {
    if (mount.kind !== "volume") continue;
    const options = findVolume(store.database, store.namespace, mount.name)?.options ?? {};
    if (Object.keys(options).length === 0) continue;
    using _lock = await lock(volumeDirectory(store, mount.name));
    if (!isWanted(store, mount.name, container.id)) unmount(dataDirectory(store, mount.name));
  }
}

function isWanted({ database, namespace }: Store, name: string, except: string): boolean {
  const users = new Set(listVolumeUses(database, namespace, name).map(({ container }) => container));
  return listContainers(database, namespace).some(
    ({ id, phase, owner }) => id !== except && users.has(id) && (phase !== "exited" || isAlive(owner)),
  );
}

const LOOK_AGAIN_MS = 5;

/** A copy may take its time: who waits for it can be interrupted meanwhile. */
async function lock(directory: HostPath): Promise<Disposable> {
  for (;;) {
    const taken = tryLockFile(join(directory, "lock"));
    if (taken !== undefined) return taken;
    await Bun.sleep(LOOK_AGAIN_MS);
  }
}
