/**
 * A directory → a layer's tar, the same bytes for the same tree: names sorted by bytes, hard links after their first
 * name, marks before what they hide. An overlayfs upper directory becomes the layer of what changed.
 * Source: image-spec layer.md; reproducible-builds.org, SOURCE_DATE_EPOCH.
 */
import { closeSync, constants, readSync } from "node:fs";
import { Unsupported } from "../base/index.ts";
import { indirectFeature, OPAQUE_VALUE, opaqueAttribute } from "./attributes.ts";
import { type ByteString, decodeName } from "./byte-string.ts";
import { readAttributes } from "./copy-file.ts";
import { check, checked, LayerFileFailed } from "./errors.ts";
import { type FileStatus, fileTypes, isWhiteout, type LayerFiles } from "./layer-files.ts";
import { joinPath, type LayerPath } from "./layer-name.ts";
import type { EntryType, TarEntry, Time } from "./tar/entry.ts";
import { END_OF_ARCHIVE, encodeEntry, padding } from "./tar/writer.ts";

/** How a directory is packed. */
export interface PackOptions {
  readonly files: LayerFiles;
  /** `overlay`: whiteout devices and opaque attributes become marks. */
  readonly mode: "overlay" | "plain";
  /** No member is younger: SOURCE_DATE_EPOCH, in seconds. */
  readonly sourceDateEpoch?: number | undefined;
  /** Paths that are left out, with all that is below them. */
  readonly without?: ReadonlySet<ByteString>;
  /** Told of each file that a layer cannot hold: sockets. */
  readonly skipped?: (path: string) => void;
}

const EMPTY = "" as ByteString;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;
const FILE = constants.O_RDONLY | constants.O_NONBLOCK;
const CHUNK_BYTES = 1 << 20;

const TYPES = new Map<number, EntryType>([
  [fileTypes.regular, "file"],
  [fileTypes.directory, "directory"],
  [fileTypes.symlink, "symlink"],
  [fileTypes.character, "character"],
  [fileTypes.block, "block"],
  [fileTypes.fifo, "fifo"],
]);

/**
 * The tar of the directory `source`, in pieces that are valid until the next one is asked for. The tree must not change
 * meanwhile; a file that shrinks is an error.
 * @throws {LayerFileFailed}
 * @throws {Unsupported} an overlay's upper directory that was written with redirect_dir or metacopy
 */
export function* packLayer(source: string, options: PackOptions): Generator<Buffer> {
  const root = check(options.files.openDirectory(source), "open", source);
  try {
    yield* new Packing(options).directory(root, EMPTY);
    yield END_OF_ARCHIVE;
  } finally {
    closeSync(root);
  }
}

/**
 * The tar of what is called `base` in the open `directory`, and of all below it, under the name `as`, without an end mark: archives of several
 * are made so. As `packLayer` in everything else.
 */
export function* packMember(
  directory: number,
  base: ByteString,
  as: ByteString,
  options: PackOptions,
): Generator<Buffer> {
  yield* new Packing(options).member(directory, base, as);
}

class Packing {
  readonly #files: LayerFiles;
  readonly #options: PackOptions;
  /** First names of files that have several. */
  readonly #linked = new Map<string, LayerPath>();
  readonly #chunk = Buffer.allocUnsafe(CHUNK_BYTES);

  constructor(options: PackOptions) {
    this.#options = options;
    this.#files = options.files;
  }

  /** The directory itself, its opaque mark, then its members. */
  *directory(descriptor: number, path: LayerPath): Generator<Buffer> {
    const status = checked(this.#files.status(descriptor, EMPTY), "look at", path);
    const name = (path === "" ? "./" : `${path}/`) as ByteString;
    yield this.#encode(descriptor, EMPTY, name, "directory", status);
    if (this.#options.mode === "overlay" && this.#isOpaque(descriptor))
      yield this.#mark(path, OPAQUE_NAME, status.time);
    const names = checked(this.#files.list(descriptor), "list", path).sort();
    for (const base of names) yield* this.member(descriptor, base, joinPath(path, base));
  }

  *member(parent: number, base: ByteString, path: LayerPath): Generator<Buffer> {
    if (this.#options.without?.has(path)) return;
    const status = checked(this.#files.status(parent, base), "look at", path);
    if (this.#options.mode === "overlay" && isWhiteout(status)) {
      const slash = path.lastIndexOf("/");
      yield this.#mark(
        path.slice(0, Math.max(slash, 0)) as LayerPath,
        `.wh.${base}` as ByteString,
        status.time,
      );
      return;
    }
    const type = TYPES.get(status.mode & fileTypes.mask);
    if (type === undefined) {
      this.#options.skipped?.(path);
      return;
    }
    if (type === "directory") {
      const descriptor = check(this.#files.open(parent, base, DIRECTORY, 0), "open", path);
      try {
        yield* this.directory(descriptor, path);
      } finally {
        closeSync(descriptor);
      }
      return;
    }
    const first = status.links > 1 ? this.#linked.get(status.identity) : undefined;
    if (first !== undefined) {
      yield this.#encode(parent, base, path, "hardlink", { ...status, size: 0 }, first);
      return;
    }
    if (status.links > 1) this.#linked.set(status.identity, path);
    const target =
      type === "symlink" ? checked(this.#files.readLink(parent, base), "read link", path) : EMPTY;
    yield this.#encode(parent, base, path, type, type === "file" ? status : { ...status, size: 0 }, target);
    if (type === "file") yield* this.#content(parent, base, path, status.size);
  }

  *#content(parent: number, base: ByteString, path: LayerPath, size: number): Generator<Buffer> {
    const descriptor = check(this.#files.open(parent, base, FILE, 0), "open", path);
    try {
      for (let left = size; left > 0; ) {
        const length = readSync(descriptor, this.#chunk, 0, Math.min(left, CHUNK_BYTES), null);
        if (length === 0) throw new LayerFileFailed("read all of", path, -EIO);
        left -= length;
        yield this.#chunk.subarray(0, length);
      }
      yield padding(size);
    } finally {
      closeSync(descriptor);
    }
  }

  #encode(
    directory: number,
    base: ByteString,
    name: ByteString,
    type: EntryType,
    status: FileStatus,
    linkName: ByteString = EMPTY,
  ): Buffer {
    const isDevice = type === "character" || type === "block";
    return encodeEntry({
      name,
      type,
      size: type === "file" ? status.size : 0,
      linkName,
      mode: status.mode & 0o7777,
      uid: status.uid,
      gid: status.gid,
      mtime: this.#clamp(status.time),
      major: isDevice ? status.major : 0,
      minor: isDevice ? status.minor : 0,
      // A further name shares the first one's attributes.
      xattrs: type === "hardlink" ? new Map() : this.#attributes(directory, base, name),
    });
  }

  #attributes(directory: number, base: ByteString, name: ByteString): TarEntry["xattrs"] {
    const place = { directory, name: base };
    if (this.#options.mode === "plain") return readAttributes(this.#files, place);
    return readAttributes(this.#files, place, (key) => {
      const feature = indirectFeature(key, this.#files.overlayAttributes);
      if (feature === undefined) return;
      const path = JSON.stringify(decodeName(name));
      throw new Unsupported(
        { what: `overlayfs feature ${feature}`, why: `${path} has its content in a layer below` },
        { hint: `Switch it off: echo N > /sys/module/overlay/parameters/${feature}` },
      );
    });
  }

  /** Overlayfs gives marks no owner of their own. */
  #mark(parent: LayerPath, base: ByteString, time: Time): Buffer {
    const entry: TarEntry = {
      name: joinPath(parent, base),
      type: "file",
      size: 0,
      linkName: EMPTY,
      mode: 0,
      uid: 0,
      gid: 0,
      mtime: this.#clamp(time),
      major: 0,
      minor: 0,
      xattrs: new Map(),
    };
    return encodeEntry(entry);
  }

  #isOpaque(descriptor: number): boolean {
    const value = this.#files.attribute(descriptor, EMPTY, opaqueAttribute(this.#files));
    return typeof value !== "number" && Buffer.compare(value, OPAQUE_VALUE) === 0;
  }

  #clamp(time: Time): Time {
    const { sourceDateEpoch } = this.#options;
    return sourceDateEpoch === undefined || time.seconds < sourceDateEpoch
      ? time
      : { seconds: sourceDateEpoch, nanoseconds: 0 };
  }
}

const OPAQUE_NAME = ".wh..wh..opq" as ByteString;
const EIO = 5;
