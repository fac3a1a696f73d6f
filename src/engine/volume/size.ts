/** How much a directory holds. */
import { closeSync, constants } from "node:fs";
import type { HostPath } from "../../base/index.ts";
import type { ByteString } from "../../image/index.ts";
import { layerFiles } from "../../sys/index.ts";

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

/** The bytes of all files below `path`, each counted once; what goes away meanwhile is not there. No link is followed. */
export function treeSize(path: HostPath): number {
  const files = layerFiles<ByteString>();
  const seen = new Set<string>();
  const sizeOf = (directory: number): number => {
    const names = files.list(directory);
    if (typeof names === "number") return 0;
    let bytes = 0;
    for (const name of names) {
      const status = files.status(directory, name);
      if (typeof status === "number") continue;
      if ((status.mode & S_IFMT) === S_IFDIR)
        bytes += withOpen(files.open(directory, name, DIRECTORY, 0), sizeOf);
      else if (status.links === 1 || !seen.has(status.identity)) bytes += status.size;
      if (status.links > 1) seen.add(status.identity);
    }
    return bytes;
  };
  return withOpen(files.openDirectory(path), sizeOf);
}

function withOpen(descriptor: number, use: (descriptor: number) => number): number {
  if (descriptor < 0) return 0;
  try {
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
