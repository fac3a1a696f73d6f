/** Removing a container's cgroups when its processes are gone. */

import { TeuError } from "../../base/index.ts";
import { errnoOf, rmdirSync } from "../../sys/index.ts";
import type { CgroupPaths } from "./path.ts";
import { subdirectories } from "./processes.ts";

/** Some directories are still there, and why. */
export class CgroupsNotRemoved extends TeuError<
  "cgroups-not-removed",
  { failures: readonly { path: string; errno: string }[] }
> {
  constructor(context: { failures: readonly { path: string; errno: string }[] }) {
    const shown = context.failures.map(({ path, errno }) => `${path}: ${errno}`).join(", ");
    super("cgroups-not-removed", "failed-precondition", context, `Cannot remove cgroups: ${shown}`);
  }
}

/** Waits double from a millisecond: half a second for the last processes to vanish. */
const ATTEMPTS = 9;

/**
 * Removes every directory and those below; one that is gone is no failure.
 * @param options.isBare  Nothing ran in them yet: what is below is not the container's, and stays.
 * @throws {CgroupsNotRemoved}
 */
export function removeCgroup(paths: CgroupPaths, { isBare = false }: { isBare?: boolean } = {}): void {
  let left = [...new Set(Object.values(paths))].map((path) => ({ path, errno: tryRemove(path) }));
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    left = left.filter(({ errno }) => errno !== "");
    if (left.length === 0) return;
    // Busy: with a last dying process, or with cgroups that the container made.
    for (const { path } of isBare ? [] : left)
      for (const name of subdirectories(path)) removeTree(`${path}/${name}`);
    if (attempt > 0) Bun.sleepSync(2 ** (attempt - 1));
    left = left.map(({ path }) => ({ path, errno: tryRemove(path) }));
  }
  left = left.filter(({ errno }) => errno !== "");
  if (left.length > 0) throw new CgroupsNotRemoved({ failures: left });
}

function removeTree(path: string): void {
  for (const name of subdirectories(path)) removeTree(`${path}/${name}`);
  tryRemove(path);
}

/** The errno's name, empty if the directory is gone. */
function tryRemove(path: string): string {
  try {
    rmdirSync(path);
    return "";
  } catch (error) {
    const errno = errnoOf(error);
    return errno === "ENOENT" ? "" : errno || "unknown";
  }
}
