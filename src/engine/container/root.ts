/**
 * A container's files as it sees them, from outside: an open directory, below which every path is resolved by the kernel as if it were the
 * root (openat2, RESOLVE_IN_ROOT), so that no link of the container's leads out, whatever it does meanwhile (CVE-2018-15664).
 */
import { closeSync, mkdirSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type HostPath, isAlive, randomHex, thisOwner } from "../../base/index.ts";
import { type ByteString, byteString, type LayerFiles, makePlaceBelow } from "../../image/index.ts";
import { check, errno, layerFiles } from "../../sys/index.ts";
import { bindTree, makeReadonly, unmount } from "../mount/calls.ts";
import { closePlaces, placeOf } from "../mount/places.ts";
import { mountOverlay } from "../snapshot/overlay.ts";
import { type ContainerMount, type ContainerRecord, NOBODY, takeOver } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import { takeLease } from "../store/leases.ts";
import { bundleDirectory, type Store } from "../store/store.ts";
import { closeVolumes, openVolume } from "../volume/hold.ts";
import { ContainerBusy } from "./again.ts";
import { runningPid } from "./driver-of.ts";
import { mountRoot } from "./make.ts";

const O_PATH = 0o10000000;

/** The root: a descriptor, which is closed when it is disposed of. */
export interface ContainerRoot extends AsyncDisposable {
  readonly descriptor: number;
  /** The operations on what is below, with ids as the container has them. */
  readonly files: LayerFiles;
}

/**
 * Opens the root of a container, whether it runs or not.
 * @param options.withMounts  Whether what is mounted in it is seen too; else its layers alone.
 * @throws {ContainerBusy} it is being started
 */
export async function openContainerRoot(
  store: Store,
  container: ContainerRecord,
  { withMounts = true }: { readonly withMounts?: boolean } = {},
): Promise<ContainerRoot> {
  const pid = await runningPid(store, container);
  if (pid === undefined) return mountStopped(store, container, withMounts);
  const { users } = container.settings;
  const files = users
    ? (await import("../users/mapped-files.ts")).mappedFiles(users)
    : layerFiles<ByteString>();
  if (!withMounts) {
    // Where its runtime found it.
    const path = join(bundleDirectory(store, container.id), "rootfs");
    const descriptor = check(layerFiles().openDirectory(path), "open", path);
    return { descriptor, files, [Symbol.asyncDispose]: async () => closeSync(descriptor) };
  }
  // What is mounted in there is seen too: the directory is one of its mount namespace.
  const descriptor = check(layerFiles().openDirectory(`/proc/${pid}/root`), "open", `/proc/${pid}/root`);
  // Another process could have this number by now.
  if ((await runningPid(store, container)) !== pid) {
    closeSync(descriptor);
    throw new ContainerBusy({ id: container.id });
  }
  return { descriptor, files, [Symbol.asyncDispose]: async () => closeSync(descriptor) };
}

/** Its layers and what it sees of the host, mounted for us. Whoever is killed leaves that to the next command, with the lease. */
async function mountStopped(
  store: Store,
  container: ContainerRecord,
  withMounts: boolean,
): Promise<ContainerRoot> {
  const claim = () => takeOver(store.database, container, thisOwner());
  if (isAlive(container.owner) || !inTransaction(store.database, claim))
    throw new ContainerBusy({ id: container.id });
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => void takeOver(store.database, { ...container, owner: thisOwner() }, NOBODY));
  if (withMounts) cleanUp.defer(() => closeVolumes(store, container));
  const directory = `new-${randomHex(4)}`;
  const lease = takeLease(store.database, `copy ${container.id}`, directory);
  const around = join(store.paths.snapshots, directory) as HostPath;
  const place = join(around, "lower") as HostPath;
  mkdirSync(place, { recursive: true, mode: 0o700 });
  cleanUp.defer(() => lease[Symbol.dispose]());
  cleanUp.defer(() => removePlace(place));
  // As on disk: what is copied keeps its ids.
  mountRoot(store, container, place, mountOverlay);
  const descriptor = check(layerFiles().openDirectory(place), "open", place);
  cleanUp.defer(() => closeSync(descriptor));
  cleanUp.defer(() => closePlaces(around));
  for (const [index, mount] of withMounts ? outermostFirst(container.settings.mounts ?? []) : []) {
    const source = await sourceOf(store, container, index, mount, placeOf(around, index));
    showAt(descriptor, source, byteString(mount.destination), mount.readonly);
  }
  const kept = cleanUp.move();
  const files = layerFiles<ByteString>();
  return { descriptor, files, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Where what is mounted is, at `place` where it is a part. */
async function sourceOf(
  store: Store,
  container: ContainerRecord,
  index: number,
  mount: ContainerMount,
  place: HostPath,
): Promise<HostPath> {
  if (mount.kind === "bind") return mount.source;
  if (mount.kind === "image")
    return await (await import("../mount/image.ts")).showImage(store, container, mount, {
      ...{ index, place, mount: mountOverlay },
    });
  return await openVolume(store, mount, place);
}

/** With their numbers: what lies in another mount is shown in that one. */
function outermostFirst(mounts: readonly ContainerMount[]): [number, ContainerMount][] {
  const depth = ({ destination }: ContainerMount) => destination.split("/").length;
  return [...mounts.entries()].sort(([, a], [, b]) => depth(a) - depth(b));
}

/** Shows `source` at `destination`, which is made where the container has never run: its start would make it too. What it cannot write there, nobody writes. */
function showAt(root: number, source: HostPath, destination: ByteString, isReadonly: boolean): void {
  const files = layerFiles<ByteString>();
  const open = () => files.openInRoot(root, destination, O_PATH);
  let target = open();
  if (target === -errno.ENOENT) {
    makePlaceBelow(files, root, destination, statSync(source).isDirectory() ? "directory" : "file");
    target = open();
  }
  if (target === -errno.ENOTDIR) return;
  check(target, "open", destination);
  try {
    bindTree(source, target, isReadonly ? makeReadonly : undefined);
  } finally {
    closeSync(target);
  }
}

function removePlace(place: HostPath): void {
  unmount(place);
  rmdirSync(place);
  rmdirSync(join(place, ".."));
}
