/** Puts unpacked layers on disk before a record refers to them. */
import { closeSync, constants, fsyncSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { check, syscall } from "../../sys/index.ts";

/** Beyond so many entries one wait for the whole file system is shorter than one for each of them. */
const FEW_ENTRIES = 64;

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

/** Links and devices are in their directory. */
function syncTree(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) syncTree(path);
    else if (entry.isFile()) withOpen(path, 0, fsyncSync);
  }
  withOpen(directory, constants.O_DIRECTORY, fsyncSync);
}

function withOpen(path: string, flags: number, use: (descriptor: number) => unknown): void {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | flags);
  try {
    use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
