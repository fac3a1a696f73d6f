/** How large the file systems of containers are. */
import { filesDirectory } from "../snapshot/directories.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { findSnapshot, snapshotChain } from "../store/snapshots.ts";
import type { Records } from "../store/store.ts";
import { treeSize } from "../volume/size.ts";
import { mountTableBytes } from "./init-layer.ts";

/** Bytes of the contents of files. */
export interface ContainerSizes {
  /** What it has written beside its volumes. */
  readonly writableBytes: number;
  /** The same and its image's layers, which containers share. */
  readonly rootBytes: number;
}

/** Counted anew: a container with many files takes its time. One that has gone meanwhile has none. */
export function sizesOf(store: Records, { id }: Pick<ContainerRecord, "id">): ContainerSizes {
  const active = findSnapshot(store.database, id);
  if (active === undefined) return { writableBytes: 0, rootBytes: 0 };
  const [, ...layers] = snapshotChain(store.database, active.number);
  const written = filesDirectory(store, active);
  const writableBytes = treeSize(written) - mountTableBytes(written);
  return { writableBytes, rootBytes: layers.reduce((sum, { size }) => sum + size, writableBytes) };
}
