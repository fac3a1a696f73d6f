/**
 * What an image has where a volume goes is what the volume begins with. Whoever is killed meanwhile leaves an empty volume,
 * or one that is completed by the next start: the copy is made aside, gets its last name when it is whole and on disk, and then
 * its entries move. Source: docker run reference, -v; moby volume copy-up.
 */
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import type { ContainerPath, HostPath } from "../../base/index.ts";
import { type ByteString, byteString, copyDescription, copyTree } from "../../image/index.ts";
import { check, errno, layerFiles } from "../../sys/index.ts";
import { syncToDisk } from "../snapshot/sync-tree.ts";

const EMPTY = "" as ByteString;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;

/** The name of a copy that is whole. */
const READY = "_ready";

/** The directories of a volume: the one that containers see, and the one around it. */
interface Volume {
  readonly around: HostPath;
  readonly data: HostPath;
  /** Whether another file system is mounted on `data`: entries cannot move there. */
  readonly isMounted: boolean;
}

/** Ends what somebody who was killed has begun. The caller holds the volume's lock. */
export function completePopulation({ around, data }: Pick<Volume, "around" | "data">): void {
  const ready = join(around, READY);
  if (existsSync(ready)) moveInto(ready, data);
}

/** Fills `volume`, if it is empty, with what is at `destination` below `rootfs`. The caller holds the volume's lock. */
export function populateVolume(volume: Volume, rootfs: HostPath, destination: ContainerPath): void {
  const { around, data, isMounted } = volume;
  if (readdirSync(data).length > 0) return;
  const files = layerFiles<ByteString>();
  const root = check(files.openDirectory(rootfs), "open", rootfs);
  try {
    // In-root: a link of the image leads nowhere but into the image.
    const source = files.openInRoot(root, byteString(destination), DIRECTORY);
    if (source === -errno.ENOENT || source === -errno.ENOTDIR) return;
    check(source, "open", destination);
    try {
      if (isMounted) copyInto(source, data);
      else {
        const aside = join(around, "_copy");
        rmSync(aside, { recursive: true, force: true });
        mkdirSync(aside, { mode: 0o700 });
        syncToDisk([aside], copyInto(source, aside));
        const ready = join(around, READY);
        renameSync(aside, ready);
        moveInto(ready, data);
      }
    } finally {
      closeSync(source);
    }
  } finally {
    closeSync(root);
  }
}

function copyInto(source: number, path: string): number {
  const files = layerFiles<ByteString>();
  const target = check(files.openDirectory(path), "open", path);
  try {
    return copyTree(files, source, target);
  } finally {
    closeSync(target);
  }
}

/** Moves what is in `ready` into `data`, which then looks as it did. */
function moveInto(ready: string, data: string): void {
  const files = layerFiles<ByteString>();
  const [from, to] = [ready, data].map((path) => check(files.openDirectory(path), "open", path)) as [
    number,
    number,
  ];
  try {
    const names = files.list(from);
    if (typeof names === "number") check(names, "list", ready);
    else for (const name of names) check(files.rename(from, name, to, name), "move", name);
    const status = files.status(from, EMPTY);
    if (typeof status === "number") check(status, "look at", ready);
    else copyDescription(files, { directory: from, name: EMPTY }, { directory: to, name: EMPTY }, status);
  } finally {
    closeSync(from);
    closeSync(to);
  }
  rmdirSync(ready);
}
