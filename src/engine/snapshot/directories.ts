/** The directories of a stack of layers, as overlayfs wants them. */
import { chmodSync, chownSync, statSync } from "node:fs";
import { join } from "node:path";
import type { HostPath } from "../../base/index.ts";
import { type SnapshotRecord, snapshotChain } from "../store/snapshots.ts";
import { type Records, type Store, snapshotDirectory } from "../store/store.ts";

/** Where the files of a snapshot lie. */
export function filesDirectory(
  store: Pick<Records, "paths">,
  { number }: Pick<SnapshotRecord, "number">,
): HostPath {
  return join(snapshotDirectory(store, number), "fs") as HostPath;
}

/** `top` and what shows through it, top first: nothing below a layer that hides all of it. */
export function layerDirectories(store: Store, top: SnapshotRecord): HostPath[] {
  const directories: HostPath[] = [];
  for (const snapshot of snapshotChain(store.database, top.number)) {
    directories.push(filesDirectory(store, snapshot));
    if (snapshot.hidesLower) break;
  }
  return directories;
}

/** The root of the merged tree is the writable layer's: it must look as the image's does. */
export function copyOwnership(from: HostPath, to: HostPath): void {
  const { uid, gid, mode } = statSync(from);
  chownSync(to, uid, gid);
  chmodSync(to, mode & 0o7777);
}
