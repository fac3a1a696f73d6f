/**
 * What a start left in a container's writable layer, where the image has none: the empty files and directories on which every container has
 * something mounted, and what init-layer.ts makes. They are no change of anybody's: docker has them in a layer of their own, of which neither
 * `diff` nor `commit` tells.
 */
import { closeSync, constants } from "node:fs";
import type { ByteString, FileStatus } from "../../image/index.ts";
import { layerFiles } from "../../sys/index.ts";
import { CONTAINER_MARK, MOUNT_TABLE } from "./init-layer.ts";

/** By the directory that they are in. What somebody asked to be mounted elsewhere is theirs, as with docker. */
const MOUNT_POINTS = {
  "": [CONTAINER_MARK, "dev", "proc", "sys"],
  etc: ["hostname", "hosts", MOUNT_TABLE.name, "resolv.conf"],
} as const;

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;
const TYPE = 0o170000;
const [IS_DIRECTORY, IS_FILE, IS_LINK] = [0o040000, 0o100000, 0o120000];
const SELF = "" as ByteString;
const ETC = "etc" as ByteString;

/**
 * The paths of them in `upper`, a writable layer; with /etc, where it is there for them alone.
 * @param upper,lower  Open directories; `lower` is what the image shows, -1: nothing.
 */
export function mountPointsIn(upper: number, lower: number): ReadonlySet<ByteString> {
  const found = new Set<ByteString>();
  for (const name of emptyOnes(upper, lower, MOUNT_POINTS[""])) found.add(name);
  using etc = openDirectory(upper, ETC);
  if (etc.descriptor < 0) return found;
  using etcBelow = openDirectory(lower, ETC);
  const ours = emptyOnes(etc.descriptor, etcBelow.descriptor, MOUNT_POINTS.etc);
  for (const name of ours) found.add(`etc/${name}` as ByteString);
  const all = layerFiles<ByteString>().list(etc.descriptor);
  const isForThem = ours.length > 0 && typeof all !== "number" && all.length === ours.length;
  if (isForThem && isSame(statusOf(upper, ETC), statusOf(lower, ETC))) found.add(ETC);
  return found;
}

/** Whether the root itself is as the image has it. */
export function isRootUnchanged(upper: number, lower: number): boolean {
  return isSame(statusOf(upper, SELF), statusOf(lower, SELF));
}

/** Those that are empty, and that the image has not. */
function emptyOnes(upper: number, lower: number, names: readonly string[]): ByteString[] {
  return (names as readonly ByteString[]).filter(
    (name) => statusOf(lower, name) === undefined && isEmpty(upper, name),
  );
}

function isEmpty(parent: number, name: ByteString): boolean {
  const status = statusOf(parent, name);
  if (status === undefined) return false;
  if ((status.mode & TYPE) === IS_FILE) return status.size === 0;
  if ((status.mode & TYPE) === IS_LINK)
    return (
      name === MOUNT_TABLE.name && layerFiles<ByteString>().readLink(parent, name) === MOUNT_TABLE.target
    );
  if ((status.mode & TYPE) !== IS_DIRECTORY) return false;
  using inner = openDirectory(parent, name);
  const names = inner.descriptor < 0 ? -1 : layerFiles<ByteString>().list(inner.descriptor);
  return typeof names !== "number" && names.length === 0;
}

/** Whether nobody changed it; one that the image has not was made for what is in it. */
function isSame(status: FileStatus | undefined, below: FileStatus | undefined): boolean {
  if (status === undefined || below === undefined) return below === undefined;
  return status.mode === below.mode && status.uid === below.uid && status.gid === below.gid;
}

function statusOf(directory: number, name: ByteString): FileStatus | undefined {
  const status = directory < 0 ? -1 : layerFiles<ByteString>().status(directory, name);
  return typeof status === "number" ? undefined : status;
}

/** -1: there is none. */
function openDirectory(parent: number, name: ByteString): Disposable & { readonly descriptor: number } {
  const descriptor = parent < 0 ? -1 : layerFiles<ByteString>().open(parent, name, DIRECTORY, 0);
  return {
    descriptor,
    [Symbol.dispose](): void {
      if (descriptor >= 0) closeSync(descriptor);
    },
  };
}
