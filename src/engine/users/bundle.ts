/** What is other in the bundle of a container whose users are not the host's. Loaded for such containers alone. */
import { chownSync } from "node:fs";
import { join } from "node:path";
import type { HostPath } from "../../base/index.ts";
import type { LayerFiles } from "../../image/index.ts";
import { SHAREABLE, sharedMemoryIn } from "../container/shared-memory.ts";
import { openStack } from "../snapshot/open-stack.ts";
import type { MountLayers } from "../snapshot/overlay.ts";
import type { ContainerRecord, ContainerUsers } from "../store/containers.ts";
import type { SnapshotRecord } from "../store/snapshots.ts";
import { bundleDirectory, type Store } from "../store/store.ts";
import { mappedFiles } from "./mapped-files.ts";
import { mountMapped, rootOf } from "./mapped-overlay.ts";

/** Mounts layers as its users see them. Whoever is killed leaves the place among those that go with the bundle. */
export function mountOf(store: Store, { id, settings }: ContainerRecord): MountLayers | undefined {
  const { users } = settings;
  const place = join(bundleDirectory(store, id), "mounts", "layers") as HostPath;
  return users && ((overlay) => mountMapped(overlay, users, place));
}

/** The image's files as they are on disk, for volumes that begin with them; undefined: there are none. */
export function filesOfImage(
  store: Store,
  { settings }: ContainerRecord,
  top: SnapshotRecord | undefined,
): (Disposable & { readonly path: HostPath }) | undefined {
  const isCopied = settings.mounts?.some((mount) => mount.kind === "volume" && mount.copies) ?? false;
  if (!isCopied || top === undefined) return undefined;
  const stack = openStack(store, top, "volumes");
  return {
    path: `/proc/self/fd/${stack.descriptor}` as HostPath,
    [Symbol.dispose]: () => stack[Symbol.dispose](),
  };
}

/** The operations by which what is made in its root is its root's. */
export function filesOf({ settings: { users } }: ContainerRecord): LayerFiles | undefined {
  return users && mappedFiles(users);
}

/** Makes the files that are written for it its root's, but those of another container, whose users are the same. */
export function giveFiles(
  { settings }: ContainerRecord,
  files: readonly { readonly source: HostPath }[],
): void {
  const { users, joins } = settings;
  if (users === undefined || joins?.network !== undefined) return;
  for (const { source } of files) chownSync(source, ...rootIDs(users));
}

/** The same of the shared memory in `bundle`, where it has one for others. */
export function giveSharedMemory({ settings: { users, ipc } }: ContainerRecord, bundle: HostPath): void {
  if (users !== undefined && ipc === SHAREABLE) chownSync(sharedMemoryIn(bundle), ...rootIDs(users));
}

function rootIDs({ uids, gids }: ContainerUsers): [uid: number, gid: number] {
  return [rootOf(uids), rootOf(gids)];
}
