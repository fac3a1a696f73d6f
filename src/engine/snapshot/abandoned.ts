/** Leases whose owner is gone. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { HostPath } from "../../base/index.ts";
import { unmount } from "../mount/calls.ts";
import { closePlaces } from "../mount/places.ts";
import { endLease, type LeaseRecord } from "../store/leases.ts";
import type { Store } from "../store/store.ts";

/** Ends a lease that nobody holds any more, and removes what it kept. */
export function endAbandoned({ paths, database }: Store, { id, directory }: LeaseRecord): void {
  if (directory !== null) {
    const path = join(paths.snapshots, directory) as HostPath;
    unmount(join(path, "lower") as HostPath);
    closePlaces(path);
    rmSync(path, { recursive: true, force: true });
  }
  endLease(database, id);
}
