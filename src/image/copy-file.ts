/** Copying one file with all that describes it, below open directories. */
import { closeSync, constants, readSync, writeSync } from "node:fs";
import { archivedAttributeName, setAttributes } from "./attributes.ts";
import type { ByteString } from "./byte-string.ts";
import { check, checked, fileFailed } from "./errors.ts";
import { type FileStatus, fileTypes, type LayerFiles } from "./layer-files.ts";

const CHUNK_BYTES = 1 << 20;
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

/** A name in an open directory; an empty name is the directory itself. */
export interface Place {
  readonly directory: number;
  readonly name: ByteString;
}

/** Gives `to`, a file of an overlay layer, owner, mode, attributes and time of `from`. */
export function copyDescription(files: LayerFiles, from: Place, to: Place, status: FileStatus): void {
  check(files.changeOwner(to.directory, to.name, status.uid, status.gid), "change owner of", to.name);
  if ((status.mode & fileTypes.mask) !== fileTypes.symlink)
    check(files.changeMode(to.directory, to.name, status.mode & 0o7777), "change mode of", to.name);
  setAttributes(files, to.directory, to.name, readAttributes(files, from), "overlay", () => undefined);
  check(files.setTimes(to.directory, to.name, status.time), "set times of", to.name);
}

/** The attributes of `from` that belong to an image. @param seen  Told of every one, also of those that stay. */
export function readAttributes(
  files: LayerFiles,
  { directory, name }: Place,
  seen?: (key: ByteString) => void,
): Map<ByteString, Uint8Array> {
  const found = new Map<ByteString, Uint8Array>();
  const keys = files.attributes(directory, name);
  if (typeof keys === "number") return found; // the file system has none
  for (const key of keys) {
    seen?.(key);
    const archived = archivedAttributeName(key, files.overlayAttributes);
    if (archived !== undefined)
      found.set(archived, checked(files.attribute(directory, name, key), "read attribute of", name));
  }
  return found;
}

/** Makes `to`, which is not there, a copy of `from`, which is no directory. */
export function copyFile(files: LayerFiles, from: Place, to: Place): void {
  const status = checked(files.status(from.directory, from.name), "look at", from.name);
  const type = status.mode & fileTypes.mask;
  if (type === fileTypes.regular) copyContent(files, from, to);
  else if (type === fileTypes.symlink) {
    const target = checked(files.readLink(from.directory, from.name), "read link", from.name);
    check(files.makeSymlink(target, to.directory, to.name), "create", to.name);
  } else
    check(files.makeNode(to.directory, to.name, type | 0o600, status.major, status.minor), "create", to.name);
  copyDescription(files, from, to, status);
}

function copyContent(files: LayerFiles, from: Place, to: Place): void {
  const source = check(
    files.open(from.directory, from.name, constants.O_RDONLY | constants.O_NONBLOCK, 0),
    "open",
    from.name,
  );
  let target = -1;
  try {
    target = check(files.open(to.directory, to.name, FLAGS, 0o600), "create", to.name);
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let length = readSync(source, chunk); length > 0; length = readSync(source, chunk))
      for (let at = 0; at < length; ) at += writeSync(target, chunk, at, length - at);
  } catch (error) {
    throw fileFailed(error, "copy", from.name);
  } finally {
    closeSync(source);
    if (target >= 0) closeSync(target);
  }
}
