/**
 * Writes the members of one layer below a directory: as an overlayfs layer of its own, or onto a tree that holds the
 * layers below. Source: image-spec layer.md, applying changesets; kernel Documentation/filesystems/overlayfs.rst.
 */
import { closeSync, constants } from "node:fs";
import { constants as os } from "node:os";
import { isUnprivileged, OPAQUE_VALUE, opaqueAttribute, setAttributes } from "./attributes.ts";
import { type ByteString, decodeName } from "./byte-string.ts";
import { Directories } from "./directories.ts";
import { check, checked, InvalidLayer, LayerTooLarge } from "./errors.ts";
import { FILE_FLAGS, FileContents } from "./file-contents.ts";
import { fileTypes, isDirectory, type LayerFiles } from "./layer-files.ts";
import { cleanPath, joinPath, type LayerName, LayerNames, type LayerPath } from "./layer-name.ts";
import { removeTree } from "./remove-tree.ts";
import type { TarEntry, Time } from "./tar/entry.ts";
import type { TarHandler } from "./tar/reader.ts";

/** What bounds a layer: without bounds ten megabytes fill a disk. */
export interface LayerLimits {
  /** Of all files together. */
  readonly maxBytes: number;
  readonly maxEntries: number;
}

/** How a layer is written. */
export interface LayerWriterOptions {
  readonly files: LayerFiles;
  readonly mode: "overlay" | "plain";
  readonly limits: LayerLimits;
  /** `restore` sets owners and makes device nodes; `none` does neither, for users who may not; `ours` makes everything the caller's. */
  readonly ownership: "restore" | "none" | "ours";
  /** Whether the archive is no layer: names are never marks, and a directory takes nothing else's place, nor the other way round. */
  readonly isLiteral?: boolean;
}

/** A hard link whose target must lie in a layer below. */
export interface PendingLink {
  readonly path: LayerPath;
  readonly target: LayerPath;
}

/** What an overlay layer needs of the layers below before it can be mounted on them; see `settleLayer`. Plain data. */
export interface Unsettled {
  /** Directories that no member describes, so that they look as the layers below have them; parents first. */
  readonly impliedParents: readonly LayerPath[];
  readonly hardLinks: readonly PendingLink[];
  /** Marks that are files: one in a directory that the layers below do not have would be seen, as a name of nothing. */
  readonly whiteouts: readonly LayerPath[];
}

const EMPTY = "" as ByteString;
const DIRECTORY_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY;
const { EEXIST, ENOENT, EPERM } = os.errno;
const MAX_WARNINGS = 100;

/** What becomes of a directory when everything in it is written. */
interface DirectoryEnd {
  readonly parent: LayerPath;
  readonly base: ByteString;
  readonly entry: TarEntry;
}

/** Takes one layer's members from a `TarReader`. Disposing closes what is open. */
export class LayerWriter implements TarHandler {
  readonly #files: LayerFiles;
  readonly #options: LayerWriterOptions;
  readonly #directories: Directories;
  readonly #names: LayerNames;
  /** Everything that this layer wrote: marks hide only what the layers below have. */
  readonly #own = new Set<LayerPath>();
  /** Marks that are files on disk, overlay only. */
  readonly #whiteouts = new Set<LayerPath>();
  readonly #implied = new Set<LayerPath>();
  readonly #hardLinks: PendingLink[] = [];
  readonly #directoryEnds = new Map<LayerPath, DirectoryEnd>();
  /** Directories of the layers below that are changed, by identity, with the time that they keep. */
  readonly #entered = new Map<string, { readonly path: LayerPath; readonly time: Time }>();
  readonly warnings: string[] = [];
  #entries = 0;
  #bytes = 0;
  #hidesLower = false;
  readonly #contents: FileContents;

  /** Opens `target`, which is there. */
  constructor(target: string, options: LayerWriterOptions) {
    this.#options = options;
    this.#files = options.files;
    this.#names = new LayerNames(options.isLiteral ?? false);
    this.#contents = new FileContents(options.files, options.ownership === "restore", {
      create: ({ parent, base, path }, make) => {
        this.#create(parent, base, path, make);
        this.#own.add(path); // what made room for it has forgotten its name
      },
      describe: (file, entry) => this.#describe(file, EMPTY, entry),
      setAttributes: (file, entry) => this.#setAttributes(file, EMPTY, entry),
    });
    this.#directories = new Directories(options.files, target, {
      implied: (path, descriptor) => this.#onImplied(path, descriptor),
      entered: (path, descriptor) => this.#onEntered(path, descriptor),
      blocked: (parent, path, base) => this.#takeWhiteoutAway(parent, path, base),
    });
    if (options.mode === "overlay") {
      // Until a member or a layer below says otherwise. The caller's folder may be closed to others.
      check(this.#files.changeMode(this.#directories.root, EMPTY, 0o755), "change mode of", target);
      this.#implied.add(EMPTY);
    } else this.#onEntered(EMPTY, this.#directories.root);
  }

  /** How many members came. */
  get entries(): number {
    return this.#entries;
  }

  /** Whether the layers below do not show at all: overlayfs cannot say this of a layer's root. */
  get hidesLower(): boolean {
    return this.#hidesLower;
  }

  get unsettled(): Unsettled {
    const [impliedParents, whiteouts] = [[...this.#implied], [...this.#whiteouts]];
    return { impliedParents, hardLinks: this.#hardLinks, whiteouts };
  }

  entry(entry: TarEntry): void {
    this.#entries++;
    const { maxBytes, maxEntries } = this.#options.limits;
    if (this.#entries > maxEntries) throw new LayerTooLarge({ what: "entries", limit: maxEntries });
    this.#bytes += entry.size;
    if (this.#bytes > maxBytes) throw new LayerTooLarge({ what: "bytes", limit: maxBytes });
    const name = this.#names.parse(entry.name);
    // It may be one that files are in, with another mode.
    if (name.kind !== "entry" || entry.type === "directory") this.#contents.forgetDirectory();
    if (!this.#mayGoFirst(entry, name)) this.#contents.makeWaiting();
    if (this.#contents.directory === undefined) this.#directories.trim();
    switch (name.kind) {
      case "ignored":
        break;
      case "root":
        this.#root(entry);
        break;
      case "opaque":
        this.#opaque(name.parent);
        break;
      case "whiteout":
        this.#whiteout(name.parent, name.base);
        break;
      case "entry":
        this.#member(entry, name.parent, name.base);
        break;
      default:
        name satisfies never;
    }
  }

  data(bytes: Buffer, position: number): void {
    this.#contents.data(bytes, position);
  }

  entryEnd(): void {
    this.#contents.end();
  }

  chunkEnd(): void {
    this.#contents.makeWaiting();
  }

  /** Whether those that wait may be made after it: all are in one directory, which it changes nothing of, and it has none of their names. */
  #mayGoFirst(entry: TarEntry, name: LayerName): boolean {
    if (name.kind !== "entry" || name.parent !== this.#contents.directory) return false;
    if (entry.type === "file") return true;
    return entry.type === "symlink" && !this.#own.has(joinPath(name.parent, name.base));
  }

  /** The layer has ended: directories get the times that writing into them has changed, and their last modes. */
  finish(): void {
    for (const { path, time } of this.#entered.values()) {
      const directory = this.#directories.find(path);
      if (directory !== undefined) check(this.#files.setTimes(directory, EMPTY, time), "set times of", path);
    }
    for (const end of this.#directoryEnds.values()) this.#endDirectory(end);
  }

  /** Waits until all of it is on disk. */
  sync(): void {
    check(this.#files.syncFileSystem(this.#directories.root), "sync", ".");
  }

  [Symbol.dispose](): void {
    this.#contents[Symbol.dispose]();
    this.#directories[Symbol.dispose]();
  }

  #root(entry: TarEntry): void {
    // CVE-2021-29136: a root that is a link would move all that follows.
    if (entry.type !== "directory") throw invalid(entry, "the root is not a directory");
    this.#implied.delete(EMPTY);
    this.#describe(this.#directories.root, EMPTY, { ...entry, mode: entry.mode | 0o700 });
    this.#directoryEnds.set(EMPTY, { parent: EMPTY, base: EMPTY, entry });
  }

  #member(entry: TarEntry, parentPath: LayerPath, base: ByteString): void {
    const path = joinPath(parentPath, base);
    const parent = this.#directories.open(parentPath);
    switch (entry.type) {
      case "directory":
        this.#directory(entry, parent, parentPath, base);
        break;
      case "file":
        this.#contents.begin({ entry, parent, parentPath, base, path });
        break;
      case "hardlink":
        this.#hardLink(entry, parent, base, path);
        break;
      case "symlink":
        this.#create(parent, base, path, () => this.#files.makeSymlink(entry.linkName, parent, base));
        this.#describe(parent, base, entry);
        check(this.#files.setTimes(parent, base, entry.mtime), "set times of", path);
        break;
      case "character":
      case "block":
      case "fifo":
        this.#node(entry, parent, base, path);
        break;
      default:
        entry.type satisfies never;
    }
    this.#own.add(path);
  }

  /** Runs `make`; where something is in its place, that goes first. */
  #create(parent: number, base: ByteString, path: LayerPath, make: () => number): number {
    let result = make();
    if (result === -EEXIST) {
      this.#makeRoom(parent, base, path);
      result = make();
    }
    return check(result, "create", path);
  }

  #makeRoom(parent: number, base: ByteString, path: LayerPath): void {
    this.#whiteouts.delete(path);
    const status = checked(this.#files.status(parent, base), "look at", path);
    const type = status.mode & fileTypes.mask;
    if (this.#options.isLiteral && type === fileTypes.directory)
      throw new InvalidLayer({
        path: decodeName(path),
        why: "cannot overwrite directory with non-directory",
      });
    removeTree(this.#files, parent, base, path);
    if (type !== fileTypes.directory && type !== fileTypes.symlink) return;
    this.#directories.forgetBelow(path);
    this.#contents.forgetDirectory();
    for (const kept of [this.#own, this.#implied, this.#whiteouts, this.#directoryEnds])
      for (const known of kept.keys()) if (known === path || known.startsWith(`${path}/`)) kept.delete(known);
  }

  #directory(entry: TarEntry, parent: number, parentPath: LayerPath, base: ByteString): void {
    const path = joinPath(parentPath, base);
    let isOpaque = false;
    let result = this.#files.makeDirectory(parent, base, 0o700);
    if (result === -EEXIST && !this.#isDirectory(parent, base, path)) {
      if (this.#options.isLiteral) throw invalid(entry, "cannot overwrite non-directory with directory");
      isOpaque = this.#whiteouts.has(path);
      this.#makeRoom(parent, base, path);
      result = this.#files.makeDirectory(parent, base, 0o700);
    }
    if (result !== -EEXIST) check(result, "create", path);
    const descriptor = check(this.#files.open(parent, base, DIRECTORY_FLAGS, 0), "open", path);
    this.#directories.adopt(path, descriptor);
    if (isOpaque) this.#markOpaque(descriptor, path);
    this.#implied.delete(path);
    this.#describe(descriptor, EMPTY, { ...entry, mode: entry.mode | 0o700 });
    this.#directoryEnds.set(path, { parent: parentPath, base, entry });
  }

  #hardLink(entry: TarEntry, parent: number, base: ByteString, path: LayerPath): void {
    const components = cleanPath(entry.linkName);
    const targetBase = components.pop();
    if (targetBase === undefined) throw invalid(entry, "it is a hard link to the root");
    const targetPath = components.join("/") as LayerPath;
    const target = joinPath(targetPath, targetBase);
    // Looked up for each try: making room may close descriptors.
    const make = (): number => {
      const targetParent = this.#directories.find(targetPath);
      if (targetParent === undefined || this.#whiteouts.has(target)) return -ENOENT;
      return this.#files.makeHardLink(targetParent, targetBase, parent, base);
    };
    let result = make();
    if (result === -EEXIST) {
      if (this.#isSameFile(parent, base, this.#directories.open(targetPath), targetBase)) return;
      this.#makeRoom(parent, base, path);
      result = make();
    }
    if (result === -ENOENT && this.#options.mode === "overlay") {
      if (typeof this.#files.status(parent, base) !== "number") this.#makeRoom(parent, base, path);
      this.#hardLinks.push({ path, target });
      return;
    }
    if (result === -ENOENT)
      throw invalid(entry, `it is a hard link to ${JSON.stringify(decodeName(target))}, which is not there`);
    if (result === -EPERM)
      throw invalid(entry, `it is a hard link to ${JSON.stringify(decodeName(target))}, a directory`);
    check(result, "link", path);
  }

  #node(entry: TarEntry, parent: number, base: ByteString, path: LayerPath): void {
    const { mode } = this.#options;
    const isDevice = entry.type !== "fifo";
    if (mode === "overlay" && entry.type === "character" && entry.major === 0 && entry.minor === 0)
      throw invalid(entry, "a character device 0:0 cannot be told from a whiteout");
    const type =
      entry.type === "fifo" ? fileTypes.fifo : entry.type === "block" ? fileTypes.block : fileTypes.character;
    if (isDevice && (this.#options.ownership === "none" || isUnprivileged(this.#options.files))) {
      // Users may not make devices; a name that is there and empty keeps the tree whole.
      this.#warn(`device ${decodeName(path)} becomes an empty file`);
      const file = this.#create(parent, base, path, () => this.#files.open(parent, base, FILE_FLAGS, 0o600));
      closeSync(file);
    } else {
      this.#create(parent, base, path, () =>
        this.#files.makeNode(parent, base, type | 0o600, entry.major, entry.minor),
      );
    }
    this.#describe(parent, base, entry);
    check(this.#files.setTimes(parent, base, entry.mtime), "set times of", path);
  }

  /** Owner, mode, attributes, in this order: a new owner clears setuid and capabilities. */
  #describe(directory: number, name: ByteString, entry: TarEntry): void {
    if (this.#options.ownership === "restore")
      check(this.#files.changeOwner(directory, name, entry.uid, entry.gid), "change owner of", entry.name);
    if (entry.type !== "symlink")
      check(this.#files.changeMode(directory, name, entry.mode), "change mode of", entry.name);
    // A directory's come at its end: a default ACL would change what is made in it.
    if (entry.xattrs.size > 0 && entry.type !== "directory") this.#setAttributes(directory, name, entry);
  }

  #setAttributes(directory: number, name: ByteString, entry: TarEntry): void {
    setAttributes(this.#files, directory, name, entry.xattrs, this.#options.mode, (text) => this.#warn(text));
  }

  #endDirectory({ parent, base, entry }: DirectoryEnd): void {
    this.#directories.trim();
    const directory = this.#directories.find(parent);
    const status = directory === undefined ? -ENOENT : this.#files.status(directory, base);
    // Removed or replaced by a later member through a link.
    if (directory === undefined || typeof status === "number" || !isDirectory(status)) return;
    if ((entry.mode & 0o700) !== 0o700)
      check(this.#files.changeMode(directory, base, entry.mode), "change mode of", entry.name);
    if (entry.xattrs.size > 0) this.#setAttributes(directory, base, entry);
    check(this.#files.setTimes(directory, base, entry.mtime), "set times of", entry.name);
  }

  // Marks.

  #whiteout(parentPath: LayerPath, base: ByteString): void {
    if (this.#isReplaced(parentPath)) return;
    const path = joinPath(parentPath, base);
    if (this.#options.mode === "plain") {
      const parent = this.#directories.find(parentPath);
      if (parent === undefined) return;
      this.#removeLower(parent, base, path);
      return;
    }
    const parent = this.#directories.open(parentPath);
    if (this.#own.has(path) || this.#implied.has(path)) {
      if (this.#isDirectory(parent, base, path)) this.#markOpaque(this.#directories.open(path), path);
      return;
    }
    const result = this.#files.makeNode(parent, base, fileTypes.character, 0, 0);
    if (result !== -EEXIST) check(result, "make whiteout", path);
    this.#whiteouts.add(path);
  }

  #opaque(path: LayerPath): void {
    if (this.#isReplaced(path)) return;
    if (this.#options.mode === "overlay") {
      if (path === EMPTY) this.#hidesLower = true;
      else this.#markOpaque(this.#directories.open(path), path);
      return;
    }
    const directory = this.#directories.find(path);
    if (directory === undefined) return;
    for (const name of checked(this.#files.list(directory), "list", path))
      this.#removeLower(directory, name, joinPath(path, name));
  }

  #removeLower(parent: number, base: ByteString, path: LayerPath): void {
    removeTree(this.#files, parent, base, path, (found) => this.#own.has(found));
    this.#directories.forgetBelow(path);
  }

  /**
   * Whether this layer has put a file or a link where `path` or a directory on its way was: nothing of the layers below is
   * there to hide. umoci writes marks below such a file, for all that the directory held.
   */
  #isReplaced(path: LayerPath): boolean {
    const parents = cleanPath(path);
    for (let base = parents.pop(); base !== undefined; base = parents.pop()) {
      const parentPath = parents.join("/") as LayerPath;
      const own = joinPath(parentPath, base);
      const parent = this.#own.has(own) ? this.#directories.find(parentPath) : undefined;
      if (parent !== undefined && !this.#isDirectory(parent, base, own)) return true;
    }
    return false;
  }

  #markOpaque(directory: number, path: LayerPath): void {
    const result = this.#files.setAttribute(directory, EMPTY, opaqueAttribute(this.#files), OPAQUE_VALUE);
    check(result, "mark as opaque", path);
  }

  // What directories report.

  #onImplied(path: LayerPath, descriptor: number): void {
    if (this.#options.mode === "overlay") this.#implied.add(path);
    if (this.#whiteouts.delete(path)) this.#markOpaque(descriptor, path);
    this.#own.add(path);
  }

  #onEntered(path: LayerPath, descriptor: number): void {
    // What is no layer changes directories as anybody does who puts something into them; they may be somebody else's, as /tmp is.
    if (this.#options.mode === "overlay" || this.#options.isLiteral || this.#own.has(path)) return;
    const status = checked(this.#files.status(descriptor, EMPTY), "look at", path);
    if (!this.#entered.has(status.identity)) this.#entered.set(status.identity, { path, time: status.time });
  }

  /** A member lies below a path that this layer has hidden: the mark becomes an opaque directory. */
  #takeWhiteoutAway(parent: number, path: LayerPath, base: ByteString): boolean {
    if (!this.#whiteouts.has(path)) return false;
    check(this.#files.remove(parent, base, false), "remove whiteout", path);
    return true;
  }

  #isDirectory(parent: number, base: ByteString, path: LayerPath): boolean {
    return isDirectory(checked(this.#files.status(parent, base), "look at", path));
  }

  #isSameFile(parent: number, base: ByteString, otherParent: number, otherBase: ByteString): boolean {
    const one = this.#files.status(parent, base);
    const other = this.#files.status(otherParent, otherBase);
    return typeof one !== "number" && typeof other !== "number" && one.identity === other.identity;
  }

  #warn(text: string): void {
    if (this.warnings.length < MAX_WARNINGS) this.warnings.push(text);
  }
}

function invalid(entry: TarEntry, why: string): InvalidLayer {
  return new InvalidLayer({ path: decodeName(entry.name), why });
}
