/**
 * What docker puts into every container by a layer of its own, where the image has none, and images count on: /.dockerenv, by which programs know
 * that they are in a container, and /etc/mtab, where programs of old look for what is mounted, a link to the kernel's own list.
 * Source: moby daemon/initlayer, fstab(5), getmntent(3).
 */
import { closeSync, constants } from "node:fs";
import type { HostPath } from "../../base/index.ts";
import { type ByteString, type LayerFiles, makePlaceBelow } from "../../image/index.ts";
import { check, errno, layerFiles } from "../../sys/index.ts";

/** An empty file at the root. */
export const CONTAINER_MARK = ".dockerenv" as ByteString;
/** Its name in /etc, and where it leads to. */
export const MOUNT_TABLE = { name: "mtab" as ByteString, target: "/proc/mounts" as ByteString } as const;

const ETC = "etc" as ByteString;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

/** Makes both in the root of a new container. @param files  By which what is made there is its root's. */
export function makeInitLayer(rootfs: HostPath, files: LayerFiles = layerFiles<ByteString>()): void {
  const root = check(files.openDirectory(rootfs), "open", rootfs);
  try {
    const mark = files.open(root, CONTAINER_MARK, NEW_FILE, 0o755);
    if (mark !== -errno.EEXIST) closeSync(check(mark, "create", `/${CONTAINER_MARK}`));
    const open = (): number => files.openInRoot(root, ETC, DIRECTORY);
    let etc = open();
    if (etc === -errno.ENOENT) {
      makePlaceBelow(files, root, ETC, "directory");
      etc = open();
    }
    if (etc === -errno.ENOTDIR) return; // it has no files of our making in there either
    check(etc, "open", "/etc");
    const made = files.makeSymlink(MOUNT_TABLE.target, etc, MOUNT_TABLE.name);
    closeSync(etc);
    if (made !== -errno.EEXIST) check(made, "link", "/etc/mtab");
  } finally {
    closeSync(root);
  }
}

/** What the link takes in a writable layer: nobody has written it. */
export function mountTableBytes(layer: HostPath): number {
  const files = layerFiles<ByteString>();
  const root = files.openDirectory(layer);
  if (root < 0) return 0; // it has just gone
  try {
    const etc = files.openInRoot(root, ETC, DIRECTORY);
    if (etc < 0) return 0;
    const target = files.readLink(etc, MOUNT_TABLE.name);
    closeSync(etc);
    return target === MOUNT_TABLE.target ? target.length : 0;
  } finally {
    closeSync(root);
  }
}
