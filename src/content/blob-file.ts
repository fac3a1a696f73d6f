/**
 * Where a blob lies in an image layout, and how its file is opened: a regular file, reached through real folders.
 * A link in blobs/ would let whoever made the layout read any file of the host (a layout may come from anywhere).
 * Source: image-spec image-layout.md, blobs.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, type Stats } from "node:fs";
import { join } from "node:path";
import { type Digest, digestAlgorithm, digestEncoded } from "../spec/index.ts";
import { BlobNotFound, errnoOf, InvalidLayout } from "./errors.ts";

/** `blobs/sha256/<hex>` below `root`. A `Digest` holds no slash and no dot that begins a name. */
export function blobPath(root: string, digest: Digest): string {
  return join(root, "blobs", digestAlgorithm(digest), digestEncoded(digest));
}

/** Refuses a folder that is not one itself. @returns whether it is there */
export function isRealFolder(path: string): boolean {
  const stats = lstatOrMissing(path);
  if (stats === undefined) return false;
  if (!stats.isDirectory()) throw new InvalidLayout({ path, why: "it is not a directory" });
  return true;
}

/** The status of a blob's file, undefined if there is none. @throws {InvalidLayout} it is no regular file */
export function blobStats(path: string): Stats | undefined {
  const stats = lstatOrMissing(path);
  if (stats !== undefined && !stats.isFile())
    throw new InvalidLayout({ path, why: "a blob is not a regular file" });
  return stats;
}

function lstatOrMissing(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** A blob that is open for reading. Disposing closes it. */
export interface OpenBlob extends Disposable {
  readonly descriptor: number;
  readonly size: number;
}

/** Opens a blob's file. The caller closes it. @throws {BlobNotFound} @throws {InvalidLayout} */
export function openBlobFile(path: string, digest: Digest): OpenBlob {
  // O_NONBLOCK: a fifo there would otherwise hold us until somebody writes.
  const descriptor = openNoFollow(path, digest);
  const stats = fstatSync(descriptor);
  let isOpen = true;
  const close = (): void => {
    if (isOpen) closeSync(descriptor);
    isOpen = false;
  };
  if (!stats.isFile()) {
    close();
    throw new InvalidLayout({ path, why: "a blob is not a regular file" });
  }
  return { descriptor, size: stats.size, [Symbol.dispose]: close };
}

function openNoFollow(path: string, digest: Digest): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT") throw new BlobNotFound({ digest });
    if (errno === "ELOOP" || errno === "ENXIO")
      throw new InvalidLayout({ path, why: "a blob is not a regular file" }, { cause: error });
    throw error;
  }
}
