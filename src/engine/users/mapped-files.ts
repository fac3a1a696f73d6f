/**
 * File operations in the root of a container that runs with users of its own, in which the kernel shows the ids that they have on this machine:
 * here they are as the container sees them. What is made is made as its root, since in there nobody else can be.
 */
import type { ByteString, FileStatus, LayerFiles } from "../../image/index.ts";
import type { IDMapping } from "../../spec/index.ts";
import { errno, layerFiles } from "../../sys/index.ts";
import type { ContainerUsers } from "../store/containers.ts";
import { asRootOf, rootOf } from "./mapped-overlay.ts";
import { hostID } from "./process.ts";

/** What the kernel calls who is not mapped. */
const NOBODY = 65_534;
const CAPABILITY = "security.capability";
/** `struct vfs_ns_cap_data`: magic and flags, four words, and, in revision 3, whose root they are of. Source: capabilities(7). */
const [REVISION_2, REVISION_3, WITHOUT_ROOT, WITH_ROOT] = [0x0200_0000, 0x0300_0000, 20, 24];
const FLAGS = 0x00ff_ffff;

/** The operations. One value serves one thread. */
export function mappedFiles(users: ContainerUsers): LayerFiles {
  const files = layerFiles<ByteString>();
  const { uids, gids } = users;
  const made = <T>(work: () => T): T => asRootOf(users, work);
  const rootID = rootOf(uids);
  return {
    overlayAttributes: files.overlayAttributes,
    openDirectory: (path) => files.openDirectory(path),
    openInRoot: (root, path, flags) => files.openInRoot(root, path, flags),
    open: (directory, name, flags, mode) => made(() => files.open(directory, name, flags, mode)),
    fileBatch() {
      const batch = files.fileBatch();
      return {
        get count() {
          return batch.count;
        },
        add: (directory, name, file) => {
          const owner = file.owner && outside(users, file.owner.uid, file.owner.gid);
          // What cannot be is told of it alone.
          return owner !== null && batch.add(directory, name, { ...file, owner });
        },
        make: (from) => made(() => batch.make(from)),
        clear: () => batch.clear(),
      };
    },
    makeDirectory: (directory, name, mode) => made(() => files.makeDirectory(directory, name, mode)),
    makeNode: (directory, name, ...node) => made(() => files.makeNode(directory, name, ...node)),
    makeSymlink: (target, directory, name) => made(() => files.makeSymlink(target, directory, name)),
    makeHardLink: (...names) => files.makeHardLink(...names),
    rename: (...names) => files.rename(...names),
    remove: (...names) => files.remove(...names),
    readLink: (directory, name) => files.readLink(directory, name),
    status(directory, name) {
      const status: FileStatus | number = files.status(directory, name);
      if (typeof status === "number") return status;
      return { ...status, uid: inside(uids, status.uid), gid: inside(gids, status.gid) };
    },
    list: (directory) => files.list(directory),
    changeOwner(directory, name, uid, gid) {
      const owner = outside(users, uid, gid);
      return owner === null ? -errno.EINVAL : files.changeOwner(directory, name, owner.uid, owner.gid);
    },
    changeMode: (directory, name, mode) => files.changeMode(directory, name, mode),
    setTimes: (directory, name, time) => files.setTimes(directory, name, time),
    setAttribute: (directory, name, key, value) =>
      files.setAttribute(directory, name, key, key === CAPABILITY ? ofRoot(value, rootID) : value),
    attributes: (directory, name) => files.attributes(directory, name),
    attribute(directory, name, key) {
      const value = files.attribute(directory, name, key);
      return key === CAPABILITY && typeof value !== "number" ? ofAnyRoot(value, rootID) : value;
    },
    syncFileSystem: (descriptor) => files.syncFileSystem(descriptor),
  };
}

function inside(maps: readonly IDMapping[], id: number): number {
  for (const { containerID, hostID, size } of maps)
    if (id >= hostID && id < hostID + size) return containerID + id - hostID;
  return NOBODY;
}

/** null: the container has not both of them. */
function outside(
  { uids, gids }: ContainerUsers,
  uid: number,
  gid: number,
): { uid: number; gid: number } | null {
  const [user, group] = [hostID(uids, uid), hostID(gids, gid)];
  return user === undefined || group === undefined ? null : { uid: user, gid: group };
}

/** Capabilities of a file as they count where `rootID` is root; those of the machine's root cannot be told a mount with mapped ids. */
function ofRoot(value: Uint8Array, rootID: number): Uint8Array {
  const from = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (value.length !== WITHOUT_ROOT) return value;
  const made = new DataView(new ArrayBuffer(WITH_ROOT));
  new Uint8Array(made.buffer).set(value);
  made.setUint32(0, (from.getUint32(0, true) & FLAGS) | REVISION_3, true);
  made.setUint32(WITHOUT_ROOT, rootID, true);
  return new Uint8Array(made.buffer);
}

/** The same back: as an image has them. */
function ofAnyRoot(value: Uint8Array, rootID: number): Uint8Array {
  const from = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (value.length !== WITH_ROOT || from.getUint32(WITHOUT_ROOT, true) !== rootID) return value;
  const made = Uint8Array.from(value.subarray(0, WITHOUT_ROOT));
  new DataView(made.buffer).setUint32(0, (from.getUint32(0, true) & FLAGS) | REVISION_2, true);
  return made;
}
