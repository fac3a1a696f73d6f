/** Puts unpacked layers on disk before a record refers to them. */
import { closeSync, constants, fsyncSync, openSync } from "node:fs";
import type { ByteString } from "../../image/index.ts";
import { check, layerFiles, syscall } from "../../sys/index.ts";

/** Beyond so many entries one wait for the whole file system is shorter than one for each of them. */
const FEW_ENTRIES = 64;
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;

/**
 * Returns when all below `directories` is on disk. A few files are asked for one by one: the file system may have gigabytes of
 * others' to write (an image of six entries waited 166 ms for a build beside it).
 * @param entries  How many there are
 */
export function syncToDisk(directories: readonly string[], entries: number): void {
  const [first] = directories;
  if (first === undefined) return;
  if (entries <= FEW_ENTRIES) for (const directory of directories) syncTree(directory);
  else
    withOpen(first, constants.O_DIRECTORY, (descriptor) =>
      check(syscall("syncfs", descriptor), "syncfs", first),
    );
}

/** Links and devices are in their directory. Names are bytes: an image's need not be UTF-8. */
function syncTree(directory: string): void {
  const files = layerFiles<ByteString>();
  const sync = (descriptor: number): void => {
    const names = files.list(descriptor);
    if (typeof names === "number") check(names, "list", directory);
    else
      for (const name of names) {
        const status = files.status(descriptor, name);
        if (typeof status === "number") check(status, "look at", directory);
        else if ((status.mode & S_IFMT) === S_IFDIR) within(descriptor, name, constants.O_DIRECTORY, sync);
        else if ((status.mode & S_IFMT) === S_IFREG) within(descriptor, name, 0, fsyncSync);
      }
    fsyncSync(descriptor);
  };
  const within = (
    above: number,
    name: ByteString,
    flags: number,
    use: (descriptor: number) => void,
  ): void => {
    const descriptor = check(files.open(above, name, constants.O_RDONLY | flags, 0), "open", directory);
    try {
      use(descriptor);
    } finally {
      closeSync(descriptor);
    }
  };
  withOpen(directory, constants.O_DIRECTORY, sync);
}

function withOpen(path: string, flags: number, use: (descriptor: number) => unknown): void {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | flags);
  try {
    use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
