/** Removing what stands in a tree, below open directories and never through a link. */
import { closeSync, constants } from "node:fs";
import { constants as os } from "node:os";
import type { ByteString } from "./byte-string.ts";
import { check, checked } from "./errors.ts";
import type { LayerFiles } from "./layer-files.ts";
import { joinPath, type LayerPath } from "./layer-name.ts";

const FLAGS = constants.O_RDONLY | constants.O_DIRECTORY;
const { EISDIR, ENOENT, ENOTEMPTY, EPERM } = os.errno;

/**
 * Removes `base` in `parent` and what lies below it, but for the paths that `keeps` wants and the directories on their way.
 * @param path  Of `base`, for `keeps` and for messages.
 * @returns whether a directory was removed or entered, so that open descriptors may be of no use any more
 */
export function removeTree(
  files: LayerFiles,
  parent: number,
  base: ByteString,
  path: LayerPath,
  keeps: (path: LayerPath) => boolean = () => false,
): boolean {
  const isKept = keeps(path);
  if (!isKept) {
    const removed = files.remove(parent, base, false);
    if (removed === -ENOENT) return false;
    // POSIX says EPERM for a directory, Linux EISDIR.
    if (removed !== -EISDIR && removed !== -EPERM) {
      check(removed, "remove", path);
      return false;
    }
  }
  const directory = files.open(parent, base, FLAGS, 0);
  if (directory < 0 && isKept) return false; // no directory: nothing below it
  check(directory, "open", path);
  try {
    for (const name of checked(files.list(directory), "list", path))
      removeTree(files, directory, name, joinPath(path, name), keeps);
  } finally {
    closeSync(directory);
  }
  const result = isKept ? 0 : files.remove(parent, base, true);
  // Something below is kept.
  if (result !== -ENOTEMPTY) check(result, "remove", path);
  return true;
}
