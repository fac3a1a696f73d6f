/**
 * The directories of a tree that is being written, as descriptors: each is resolved in-root by the kernel once, then
 * kept open while its members come. No path of an archive ever reaches the host as a string (CVE-2025-47290).
 */
import { closeSync, constants } from "node:fs";
import { constants as os } from "node:os";
import type { ByteString } from "./byte-string.ts";
import { check, LayerFileFailed } from "./errors.ts";
import type { LayerFiles } from "./layer-files.ts";
import { cleanPath, joinPath, type LayerPath } from "./layer-name.ts";

const FLAGS = constants.O_RDONLY | constants.O_DIRECTORY;
const { EEXIST, ELOOP, ENOENT, ENOTDIR } = os.errno;
/** Open at once. Members of a directory come together, so more would not be faster. */
const MAX_OPEN = 256;
/** As the kernel: so many links on one way are a loop. */
const MAX_LINKS = 40;

/** What happens to directories, for whoever keeps accounts. */
export interface DirectoryEvents {
  /** A directory that no member names was made, because a member lies in it. */
  implied(path: LayerPath, descriptor: number): void;
  /** A directory that was there is used for the first time, before anything in it changes. */
  entered(path: LayerPath, descriptor: number): void;
  /** Something that is no directory stands in the way at `base`. @returns whether it was taken away */
  blocked(parent: number, path: LayerPath, base: ByteString): boolean;
}

/** The directories below one root. Disposing closes them, the root too. */
export class Directories {
  readonly root: number;
  readonly #files: LayerFiles;
  readonly #events: DirectoryEvents;
  readonly #open = new Map<LayerPath, number>();

  constructor(files: LayerFiles, root: string, events: DirectoryEvents) {
    this.#files = files;
    this.#events = events;
    this.root = check(files.openDirectory(root), "open", root);
  }

  /**
   * Forgets how paths at or below `path` resolve, and every path that some link may lead through it: something at `path`
   * was removed. The directory that holds `path` is still there, and its descriptor stays valid.
   */
  forgetBelow(path: LayerPath): void {
    const slash = path.lastIndexOf("/");
    const parent = path.slice(0, Math.max(slash, 0)) as LayerPath;
    const kept = this.#open.get(parent);
    if (kept !== undefined) this.#open.delete(parent);
    this.forget();
    if (kept !== undefined) this.#open.set(parent, kept);
  }

  /** Closes some when there are many. Descriptors given out before are no longer valid; call it between members. */
  trim(): void {
    if (this.#open.size > MAX_OPEN) this.forget();
  }

  /** Forgets how paths resolve: something on the way of one of them was removed. */
  forget(): void {
    for (const descriptor of this.#open.values()) closeSync(descriptor);
    this.#open.clear();
  }

  /** The directory at `path`, made where it is missing. The descriptor stays ours. @throws {LayerFileFailed} */
  open(path: LayerPath): number {
    return this.#resolve(path, 0);
  }

  /** The same, but undefined where there is none. */
  find(path: LayerPath): number | undefined {
    const result = this.#lookUp(path);
    return result === -ENOENT || result === -ENOTDIR ? undefined : check(result, "open", path);
  }

  /** Keeps `descriptor`, which the caller has just opened or made, as `path`. */
  adopt(path: LayerPath, descriptor: number): void {
    const before = this.#open.get(path);
    if (before !== undefined) closeSync(before);
    this.#open.set(path, descriptor);
  }

  [Symbol.dispose](): void {
    this.forget();
    closeSync(this.root);
  }

  #lookUp(path: LayerPath): number {
    if (path === "") return this.root;
    const known = this.#open.get(path);
    if (known !== undefined) return known;
    const found = this.#files.openInRoot(this.root, path, FLAGS);
    if (found < 0) return found;
    this.#open.set(path, found);
    this.#events.entered(path, found);
    return found;
  }

  #resolve(path: LayerPath, links: number): number {
    const found = this.#lookUp(path);
    if (found >= 0) return found;
    if (found !== -ENOENT && found !== -ENOTDIR) return check(found, "open", path);
    if (links > MAX_LINKS) throw new LayerFileFailed("open", path, -ELOOP);
    return this.#make(path, links);
  }

  /** Makes `path`, whose last components are missing, or are reached through a link that leads nowhere yet. */
  #make(path: LayerPath, links: number): number {
    const slash = path.lastIndexOf("/");
    const parentPath = path.slice(0, Math.max(slash, 0)) as LayerPath;
    const base = path.slice(slash + 1) as ByteString;
    const parent = this.#resolve(parentPath, links);
    const made = this.#files.makeDirectory(parent, base, 0o755);
    if (made === -EEXIST) {
      const target = this.#files.readLink(parent, base);
      if (typeof target !== "number") {
        const whole = target.startsWith("/") ? target : joinPath(parentPath, target);
        return this.#resolve(cleanPath(whole as ByteString).join("/") as LayerPath, links + 1);
      }
      if (!this.#events.blocked(parent, path, base))
        throw new LayerFileFailed("open directory", path, -ENOTDIR);
      return this.#resolve(path, links + 1);
    }
    check(made, "make directory", path);
    const descriptor = check(this.#files.open(parent, base, FLAGS, 0), "open directory", path);
    this.#open.set(path, descriptor);
    check(this.#files.changeMode(descriptor, "" as ByteString, 0o755), "change mode of", path);
    this.#events.implied(path, descriptor);
    return descriptor;
  }
}
