/** Directories below an open root, resolved in-root by the kernel, and changed without a trace in their times. */
import { constants } from "node:fs";
import { constants as os } from "node:os";
import type { ByteString } from "./byte-string.ts";
import { check, checked } from "./errors.ts";
import type { LayerFiles } from "./layer-files.ts";
import type { LayerPath } from "./layer-name.ts";

const EMPTY = "" as ByteString;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;
const { ENOENT, ENOTDIR } = os.errno;

/** Opens the directory `path`; undefined where there is none. The caller closes it. */
export function openBelow(files: LayerFiles, root: number, path: LayerPath): number | undefined {
  const result = files.openInRoot(root, path, DIRECTORY);
  return result === -ENOENT || result === -ENOTDIR ? undefined : check(result, "open", path);
}

/** Runs `change`, which changes what is in `directory`; its time stays. */
export function keepingTime<T>(files: LayerFiles, directory: number, change: () => T): T {
  const { time } = checked(files.status(directory, EMPTY), "look at", ".");
  const result = change();
  check(files.setTimes(directory, EMPTY, time), "set times of", ".");
  return result;
}
