/**
 * The Linux file operations that unpacking and packing a layer need, as a value: this folder calls them, and the layer
 * that knows system calls implements them. Every name is one component below an open directory; nothing here follows a
 * link, but for `openInRoot`, which resolves as if the root directory were `/`. Results are those of the kernel: 0 or a
 * descriptor, or -errno. A name may not hold a NUL or a slash.
 */
import type { ByteString } from "./byte-string.ts";
import type { Time } from "./tar/entry.ts";

/** What statx(2) says. `time` is the modification time. */
export interface FileStatus {
  /** Type and permissions, as in st_mode. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly links: number;
  readonly time: Time;
  /** Of a device node. */
  readonly major: number;
  readonly minor: number;
  /** Device and inode number: the same for two names of one file. */
  readonly identity: string;
}

/** `user.` in user namespaces. Source: kernel Documentation/filesystems/overlayfs.rst, userxattr. */
export type OverlayAttributes = "trusted.overlay." | "user.overlay.";

/** A plain file with all that it is to have. */
export interface NewFile {
  /** All of it. It has to stay as it is until the file is made. */
  readonly content: Uint8Array;
  /** What open(2) is given. */
  readonly mode: number;
  /** Whose it becomes; absent: whose it is made as. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** The permissions at the end, where `mode` does not lead to them. */
  readonly finalMode: number | undefined;
  readonly time: Time;
}

/** New files that are made together, in the order in which they were added. */
export interface FileBatch {
  readonly count: number;
  /** @returns false: no more go in, or this one does not; then it is made by itself */
  add(directory: number, name: ByteString, file: NewFile): boolean;
  /**
   * Makes them, from the `from`-th on. @returns `count`, or which one could not be made: there may be a part of it, and those
   * after it are not made yet.
   */
  make(from: number): number;
  clear(): void;
}

/** See above. Where `name` is empty, the operation is on `directory` itself, which may then be any descriptor. */
export interface LayerFiles {
  /** What the names of overlayfs's own attributes begin with. */
  readonly overlayAttributes: OverlayAttributes;
  /** Opens a directory of the host, following links: the one operation that takes a path of the host. */
  openDirectory(path: string): number;
  /** openat2(RESOLVE_IN_ROOT), close-on-exec. `path` may have several components and be absolute. */
  openInRoot(root: number, path: ByteString, flags: number): number;
  /** openat(O_NOFOLLOW), close-on-exec. */
  open(directory: number, name: ByteString, flags: number, mode: number): number;
  fileBatch(): FileBatch;
  makeDirectory(directory: number, name: ByteString, mode: number): number;
  /** `mode` with the type: S_IFCHR, S_IFBLK or S_IFIFO. */
  makeNode(directory: number, name: ByteString, mode: number, major: number, minor: number): number;
  makeSymlink(target: ByteString, directory: number, name: ByteString): number;
  /** A second name; of a link itself where `from` is one. */
  makeHardLink(fromDirectory: number, from: ByteString, directory: number, name: ByteString): number;
  rename(fromDirectory: number, from: ByteString, directory: number, name: ByteString): number;
  remove(directory: number, name: ByteString, isDirectory: boolean): number;
  readLink(directory: number, name: ByteString): ByteString | number;
  status(directory: number, name: ByteString): FileStatus | number;
  /** All names but `.` and `..`, in no order. The descriptor is open for reading and read from its start. */
  list(directory: number): ByteString[] | number;
  changeOwner(directory: number, name: ByteString, uid: number, gid: number): number;
  /** Never on a link, which has no mode. */
  changeMode(directory: number, name: ByteString, mode: number): number;
  setTimes(directory: number, name: ByteString, time: Time): number;
  setAttribute(directory: number, name: ByteString, key: ByteString, value: Uint8Array): number;
  /** The names of all extended attributes. */
  attributes(directory: number, name: ByteString): ByteString[] | number;
  attribute(directory: number, name: ByteString, key: ByteString): Uint8Array | number;
  /** syncfs(2): all that was written to this file system is on disk. */
  syncFileSystem(descriptor: number): number;
}

/** File types in st_mode. */
export const fileTypes = {
  mask: 0o170000,
  fifo: 0o010000,
  character: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  regular: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
} as const;

/** Whether it is a directory; a link to one is not. */
export function isDirectory({ mode }: FileStatus): boolean {
  return (mode & fileTypes.mask) === fileTypes.directory;
}

/** A character device 0:0, which in an overlay layer hides a name. */
export function isWhiteout({ mode, major, minor }: FileStatus): boolean {
  return (mode & fileTypes.mask) === fileTypes.character && major === 0 && minor === 0;
}
