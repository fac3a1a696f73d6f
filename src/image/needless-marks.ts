/**
 * Marks of an overlay layer that hide nothing: the kernel passes over whiteouts only where it merges directories, and lists
 * them, as names of nothing, in a directory that no layer below has, or that is opaque. So they go, and with them the
 * directories that were made for them alone. Source: kernel Documentation/filesystems/overlayfs.rst, whiteouts.
 */
import { closeSync } from "node:fs";
import { constants as os } from "node:os";
import { opaqueAttribute } from "./attributes.ts";
import { keepingTime, openBelow } from "./below-root.ts";
import type { ByteString } from "./byte-string.ts";
import { check } from "./errors.ts";
import { isDirectory, isWhiteout, type LayerFiles } from "./layer-files.ts";
import { type LayerPath, splitPath } from "./layer-name.ts";

const EMPTY = "" as ByteString;
const { ENOENT, ENOTDIR, ENOTEMPTY } = os.errno;

/** The marks of one layer, in the open directory `layer`, over the layers below in `lower`; -1: none of them shows. */
export class NeedlessMarks {
  readonly #files: LayerFiles;
  readonly #layer: number;
  readonly #lower: number;
  /** Directories of the layer, and whether the kernel merges them with one below. */
  readonly #merged: Map<LayerPath, boolean>;

  constructor(files: LayerFiles, layer: number, lower: number) {
    this.#files = files;
    this.#layer = layer;
    this.#lower = lower;
    this.#merged = new Map([[EMPTY, lower >= 0]]);
  }

  /** @param implied  Directories that no member described, parents first: those that were made for marks alone are among them. */
  remove(whiteouts: readonly LayerPath[], implied: readonly LayerPath[]): void {
    for (const path of whiteouts) if (!this.#isMerged(splitPath(path)[0])) this.#removeWhiteout(path);
    for (const path of implied.toReversed())
      if (path !== "" && this.#isNeedless(path)) this.#removeEmpty(path);
  }

  #isMerged(path: LayerPath): boolean {
    const known = this.#merged.get(path);
    if (known !== undefined) return known;
    const [parent, base] = splitPath(path);
    const isMerged = this.#isMerged(parent) && this.#isDirectoryBelow(parent, base) && !this.#isOpaque(path);
    this.#merged.set(path, isMerged);
    return isMerged;
  }

  #isDirectoryBelow(parentPath: LayerPath, base: ByteString): boolean {
    const parent = openBelow(this.#files, this.#lower, parentPath);
    if (parent === undefined) return false;
    const status = this.#files.status(parent, base);
    closeSync(parent);
    return typeof status !== "number" && isDirectory(status);
  }

  #isOpaque(path: LayerPath): boolean {
    const directory = openBelow(this.#files, this.#layer, path);
    if (directory === undefined) return false;
    const value = this.#files.attribute(directory, EMPTY, opaqueAttribute(this.#files));
    closeSync(directory);
    return typeof value !== "number";
  }

  /** Nothing below shows there, and it hides nothing on purpose: if it is empty, nobody misses it. */
  #isNeedless(path: LayerPath): boolean {
    const [parent, base] = splitPath(path);
    return !this.#isMerged(parent) || !(this.#isDirectoryBelow(parent, base) || this.#isOpaque(path));
  }

  #removeWhiteout(path: LayerPath): void {
    this.#inParent(path, (parent, base) => {
      const status = this.#files.status(parent, base);
      if (typeof status === "number" || !isWhiteout(status)) return;
      check(this.#files.remove(parent, base, false), "remove whiteout", path);
    });
  }

  #removeEmpty(path: LayerPath): void {
    this.#inParent(path, (parent, base) => {
      const result = this.#files.remove(parent, base, true);
      if (![-ENOTEMPTY, -ENOENT, -ENOTDIR].includes(result)) check(result, "remove", path);
    });
  }

  #inParent(path: LayerPath, change: (parent: number, base: ByteString) => void): void {
    const [parentPath, base] = splitPath(path);
    const parent = openBelow(this.#files, this.#layer, parentPath);
    if (parent === undefined) return;
    try {
      keepingTime(this.#files, parent, () => change(parent, base));
    } finally {
      closeSync(parent);
    }
  }
}
