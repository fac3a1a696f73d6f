/** A place for a mount in a tree that is nobody's yet, as a runtime makes it: resolved in-root by the kernel, no link leads out. */
import { closeSync, constants } from "node:fs";
import type { ByteString } from "./byte-string.ts";
import { Directories } from "./directories.ts";
import { check } from "./errors.ts";
import type { LayerFiles } from "./layer-files.ts";
import { cleanPath, joinPath } from "./layer-name.ts";

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const UNNOTED = { implied: () => undefined, entered: () => undefined, blocked: () => false };

/**
 * Makes an empty directory or file at `path` below the open directory `root`, with the directories that it lies in.
 * @throws {LayerFileFailed} something else is in the way
 */
export function makePlaceBelow(
  files: LayerFiles,
  root: number,
  path: ByteString,
  type: "directory" | "file",
): void {
  using directories = new Directories(files, `/proc/self/fd/${root}`, UNNOTED);
  const components = cleanPath(path);
  if (type === "directory") {
    directories.open(components.join("/") as ByteString); // parts of `path`
    return;
  }
  const base = components.pop() as ByteString; // a file is not the root
  const parent = directories.open(components.join("/") as ByteString);
  closeSync(
    check(
      files.open(parent, base, NEW_FILE, 0o644),
      "make file",
      joinPath(components.join("/") as ByteString, base),
    ),
  );
}
