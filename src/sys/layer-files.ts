/**
 * File operations below open directories, for unpacking and packing layers: what `LayerFiles` of the image layer asks for.
 * Names are byte strings (one byte per character) and are encoded into buffers that are used again for every call,
 * since this runs tens of thousands of times per image. Source: man 2 of each call; `struct open_how`, `struct statx`.
 */
import { syscall } from "./binding.ts";
import { errno } from "./errno.ts";
import { FileBatch } from "./file-batch.ts";
import { O } from "./open-flags.ts";
import { isInUserNamespace } from "./user-namespace.ts";

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const AT_EMPTY_PATH = 0x1000;
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;
const RESOLVE_IN_ROOT = 0x10;
const PATH_MAX = 4096;
const STATX_BASIC_STATS = 0x7ff;
const MAX_XATTR_BYTES = 65_536;

interface Time {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** One status; see `FileStatus` of the image layer. */
interface Status {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly links: number;
  readonly time: Time;
  readonly major: number;
  readonly minor: number;
  readonly identity: string;
}

/** Memory of its own: a small typed array may move when something asks for its buffer. */
function memory(bytes: number): Buffer {
  return Buffer.from(new ArrayBuffer(bytes));
}

/** Makes the operations. One value serves one thread; it holds no descriptor. */
export function layerFiles<Name extends string>(): LayerFileCalls<Name> {
  return new LayerFileCalls<Name>();
}

/** The operations. `Name` is the caller's brand for byte strings. */
class LayerFileCalls<Name extends string> {
  /** Root of a user namespace sets no `trusted.` attributes; there overlayfs is told to have its own below `user.`. */
  readonly overlayAttributes: "user.overlay." | "trusted.overlay." = isInUserNamespace()
    ? "user.overlay."
    : "trusted.overlay.";
  readonly #first = memory(PATH_MAX);
  readonly #second = memory(PATH_MAX);
  readonly #how = new BigUint64Array(new ArrayBuffer(24));
  readonly #times = new BigInt64Array(new ArrayBuffer(32));
  readonly #statx = new DataView(new ArrayBuffer(256));
  /** Made when first needed: few layers have attributes. */
  #large: Buffer | undefined;

  openDirectory(path: string): number {
    const name = Buffer.from(path, "utf8").toString("latin1");
    const wrong = encode(name, this.#first);
    if (wrong < 0) return wrong;
    const flags = O.RDONLY | O.DIRECTORY | O_CLOEXEC;
    return syscall("openat", AT_FDCWD, this.#first, flags, 0);
  }

  openInRoot(root: number, path: Name, flags: number): number {
    const wrong = encode(path === "" ? "." : path, this.#first);
    if (wrong < 0) return wrong;
    this.#how[0] = BigInt(flags | O_CLOEXEC);
    this.#how[2] = BigInt(RESOLVE_IN_ROOT);
    for (let tries = 0; ; tries++) {
      const result = syscall("openat2", root, this.#first, this.#how, 24);
      // EAGAIN: something in the way was renamed meanwhile, and the kernel could not be sure of "..".
      if (result !== -errno.EAGAIN || tries === 100) return result;
    }
  }

  open(directory: number, name: Name, flags: number, mode: number): number {
    const wrong = encode(name, this.#first);
    if (wrong < 0) return wrong;
    return syscall("openat", directory, this.#first, flags | O.NOFOLLOW | O_CLOEXEC, mode);
  }

  fileBatch(): FileBatch<Name> {
    return new FileBatch();
  }

  makeDirectory(directory: number, name: Name, mode: number): number {
    const wrong = encode(name, this.#first);
    return wrong < 0 ? wrong : syscall("mkdirat", directory, this.#first, mode);
  }

  makeNode(directory: number, name: Name, mode: number, major: number, minor: number): number {
    const wrong = encode(name, this.#first);
    if (wrong < 0) return wrong;
    if (major > 0xfff || minor > 0xfffff || major < 0 || minor < 0) return -errno.EINVAL;
    const device = ((major << 8) | (minor & 0xff) | ((minor & 0xfff00) << 12)) >>> 0;
    return syscall("mknodat", directory, this.#first, mode, device);
  }

  makeSymlink(target: Name, directory: number, name: Name): number {
    const wrong = encode(target, this.#first) || encode(name, this.#second);
    return wrong < 0 ? wrong : syscall("symlinkat", this.#first, directory, this.#second);
  }

  makeHardLink(fromDirectory: number, from: Name, directory: number, name: Name): number {
    const wrong = encode(from, this.#first) || encode(name, this.#second);
    return wrong < 0 ? wrong : syscall("linkat", fromDirectory, this.#first, directory, this.#second, 0);
  }

  rename(fromDirectory: number, from: Name, directory: number, name: Name): number {
    const wrong = encode(from, this.#first) || encode(name, this.#second);
    return wrong < 0 ? wrong : syscall("renameat2", fromDirectory, this.#first, directory, this.#second, 0);
  }

  remove(directory: number, name: Name, isDirectory: boolean): number {
    const wrong = encode(name, this.#first);
    return wrong < 0 ? wrong : syscall("unlinkat", directory, this.#first, isDirectory ? AT_REMOVEDIR : 0);
  }

  readLink(directory: number, name: Name): Name | number {
    const wrong = encode(name, this.#first);
    if (wrong < 0) return wrong;
    const length = syscall("readlinkat", directory, this.#first, this.#second, PATH_MAX);
    return length < 0 ? length : (this.#second.toString("latin1", 0, length) as Name);
  }

  status(directory: number, name: Name): Status | number {
    const wrong = encode(name, this.#first);
    if (wrong < 0) return wrong;
    const flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
    const result = syscall("statx", directory, this.#first, flags, STATX_BASIC_STATS, this.#statx);
    return result < 0 ? result : decodeStatus(this.#statx);
  }

  list(directory: number): Name[] | number {
    const buffer = this.#largeBuffer();
    const names: Name[] = [];
    syscall("lseek", directory, 0, 0);
    for (;;) {
      const length = syscall("getdents64", directory, buffer, buffer.length);
      if (length < 0) return length;
      if (length === 0) return names;
      // struct linux_dirent64: inode 8, offset 8, length 2, type 1, name.
      for (let at = 0; at < length; at += buffer.readUInt16LE(at + 16)) {
        const name = buffer.toString("latin1", at + 19, buffer.indexOf(0, at + 19));
        if (name !== "." && name !== "..") names.push(name as Name);
      }
    }
  }

  changeOwner(directory: number, name: Name, uid: number, gid: number): number {
    const wrong = encode(name, this.#first);
    if (wrong < 0) return wrong;
    return syscall("fchownat", directory, this.#first, uid, gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
  }

  changeMode(directory: number, name: Name, mode: number): number {
    if (name === "") return syscall("fchmod", directory, mode);
    // fchmodat follows links (fchmodat2 came with Linux 6.6): pin the file first, then change exactly it.
    const pinned = this.open(directory, name, O_PATH, 0);
    if (pinned < 0) return pinned;
    encode(`/proc/self/fd/${pinned}`, this.#first);
    const result = syscall("fchmodat", AT_FDCWD, this.#first, mode);
    syscall("close", pinned);
    return result;
  }

  setTimes(directory: number, name: Name, { seconds, nanoseconds }: Time): number {
    const wrong = encode(name, this.#first);
    if (wrong < 0) return wrong;
    this.#times[0] = this.#times[2] = BigInt(seconds);
    this.#times[1] = this.#times[3] = BigInt(nanoseconds);
    if (name === "") return syscall("utimensat", directory, 0, this.#times, 0);
    return syscall("utimensat", directory, this.#first, this.#times, AT_SYMLINK_NOFOLLOW);
  }

  setAttribute(directory: number, name: Name, key: Name, value: Uint8Array): number {
    const wrong = encode(key, this.#second);
    if (wrong < 0) return wrong;
    if (name === "") return syscall("fsetxattr", directory, this.#second, value, value.length, 0);
    const wrongName = encode(throughDescriptor(directory, name), this.#first);
    if (wrongName < 0) return wrongName;
    return syscall("lsetxattr", this.#first, this.#second, value, value.length, 0);
  }

  attributes(directory: number, name: Name): Name[] | number {
    const buffer = this.#largeBuffer();
    const wrong = encode(throughDescriptor(directory, name), this.#first);
    if (wrong < 0) return wrong;
    const length =
      name === ""
        ? syscall("flistxattr", directory, buffer, buffer.length)
        : syscall("llistxattr", this.#first, buffer, buffer.length);
    if (length <= 0) return length < 0 ? length : [];
    return buffer.toString("latin1", 0, length - 1).split("\0") as Name[];
  }

  attribute(directory: number, name: Name, key: Name): Uint8Array | number {
    const buffer = this.#largeBuffer();
    const wrong = encode(throughDescriptor(directory, name), this.#first) || encode(key, this.#second);
    if (wrong < 0) return wrong;
    const length =
      name === ""
        ? syscall("fgetxattr", directory, this.#second, buffer, buffer.length)
        : syscall("lgetxattr", this.#first, this.#second, buffer, buffer.length);
    return length < 0 ? length : Uint8Array.from(buffer.subarray(0, length));
  }

  syncFileSystem(descriptor: number): number {
    return syscall("syncfs", descriptor);
  }

  #largeBuffer(): Buffer {
    this.#large ??= memory(MAX_XATTR_BYTES);
    return this.#large;
  }
}

/** Writes `name` with its NUL. @returns 0, or -errno where the kernel would see another name */
function encode(name: string, into: Buffer): number {
  if (name.length >= PATH_MAX) return -errno.ENAMETOOLONG;
  if (name.includes("\0")) return -errno.EINVAL;
  into.write(name, 0, "latin1");
  into[name.length] = 0;
  return 0;
}

/** lsetxattr and its like take no directory: this path leads through the open one to its own entry, which is not followed. */
function throughDescriptor(directory: number, name: string): string {
  return `/proc/self/fd/${directory}/${name}`;
}

function decodeStatus(statx: DataView): Status {
  const word = (at: number): number => statx.getUint32(at, true);
  const long = (at: number): number => Number(statx.getBigUint64(at, true));
  return {
    links: word(16),
    uid: word(20),
    gid: word(24),
    mode: statx.getUint16(28, true),
    size: long(40),
    time: { seconds: Number(statx.getBigInt64(112, true)), nanoseconds: word(120) },
    major: word(128),
    minor: word(132),
    identity: `${word(136)}:${word(140)}:${statx.getBigUint64(32, true)}`,
  };
}
