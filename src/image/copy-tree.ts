/** Copying what is in a directory with all that describes it, below open directories. */
import { closeSync, constants } from "node:fs";
import type { ByteString } from "./byte-string.ts";
import { copyDescription, copyFile } from "./copy-file.ts";
import { check, checked } from "./errors.ts";
import { fileTypes, isDirectory, type LayerFiles } from "./layer-files.ts";
import { joinPath, type LayerPath, splitPath } from "./layer-name.ts";

const EMPTY = "" as ByteString;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;

/**
 * Makes the empty directory `to` what `from` is: content, owner, mode, attributes, times. Names of one file stay one file, a
 * socket is left out: nobody listens at a copy.
 * @returns how many entries there were
 * @throws {LayerFileFailed}
 */
export function copyTree(files: LayerFiles, from: number, to: number): number {
  return new Copying(files, to).directory(from, to);
}

class Copying {
  readonly #files: LayerFiles;
  readonly #root: number;
  /** Where the first name of a file that has several is, in the copy. */
  readonly #first = new Map<string, LayerPath>();

  constructor(files: LayerFiles, root: number) {
    this.#files = files;
    this.#root = root;
  }

  directory(from: number, to: number, path = EMPTY as LayerPath): number {
    let entries = 0;
    for (const name of checked(this.#files.list(from), "list", EMPTY))
      entries += this.#entry({ from, to, name }, joinPath(path, name));
    const status = checked(this.#files.status(from, EMPTY), "look at", EMPTY);
    // Last: what is made in it changes its time.
    copyDescription(this.#files, { directory: from, name: EMPTY }, { directory: to, name: EMPTY }, status);
    return entries;
  }

  #entry(
    { from, to, name }: { readonly from: number; readonly to: number; readonly name: ByteString },
    path: LayerPath,
  ): number {
    const status = checked(this.#files.status(from, name), "look at", name);
    if (isDirectory(status)) return 1 + this.#subdirectory(from, to, name, path);
    if ((status.mode & fileTypes.mask) === fileTypes.socket) return 0;
    const first = status.links > 1 ? this.#first.get(status.identity) : undefined;
    if (first !== undefined) this.#link(first, to, name);
    else {
      copyFile(this.#files, { directory: from, name }, { directory: to, name });
      if (status.links > 1) this.#first.set(status.identity, path);
    }
    return 1;
  }

  #subdirectory(from: number, to: number, name: ByteString, path: LayerPath): number {
    const source = check(this.#files.open(from, name, DIRECTORY, 0), "open", name);
    try {
      check(this.#files.makeDirectory(to, name, 0o700), "make directory", name);
      const target = check(this.#files.open(to, name, DIRECTORY, 0), "open", name);
      try {
        return this.directory(source, target, path);
      } finally {
        closeSync(target);
      }
    } finally {
      closeSync(source);
    }
  }

  #link(first: LayerPath, to: number, name: ByteString): void {
    const [path, base] = splitPath(first);
    const directory = check(this.#files.openInRoot(this.#root, path, DIRECTORY), "open", path);
    try {
      check(this.#files.makeHardLink(directory, base, to, name), "link", first);
    } finally {
      closeSync(directory);
    }
  }
}
