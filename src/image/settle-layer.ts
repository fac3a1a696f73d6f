/**
 * Settles an overlay layer on the layers below it. Layers of an image are unpacked in parallel, each alone; what only the
 * layers below can tell is done afterwards, bottom first: directories that no member described look as they do
 * below (and where a link stands below, their content goes where it leads), hard links to files below are copied up.
 * Source: image-spec layer.md; what containerd does by unpacking onto the mounted layers.
 */
import { closeSync, constants } from "node:fs";
import { constants as os } from "node:os";
import { type ByteString, decodeName } from "./byte-string.ts";
import { copyDescription, copyFile, type Place } from "./copy-file.ts";
import { check, checked, InvalidLayer, LayerFileFailed } from "./errors.ts";
import { type FileStatus, fileTypes, type LayerFiles } from "./layer-files.ts";
import { cleanPath, joinPath, type LayerPath } from "./layer-name.ts";
import type { PendingLink, Unsettled } from "./layer-writer.ts";

const EMPTY = "" as ByteString;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;
const { EEXIST, ELOOP, ENOENT, ENOTDIR } = os.errno;
const MAX_LINKS = 40;

/** Whether `settleLayer` needs all layers below as one tree (mounted read-only); else the next layer's directory will do. */
export function needsMergedLower({ impliedParents, hardLinks }: Unsettled): boolean {
  return hardLinks.length > 0 || impliedParents.some((path) => path !== "");
}

/**
 * Settles the layer in directory `layer`.
 * @param lower  What lies below: see `needsMergedLower`; undefined for the bottom layer. Only read.
 * @throws {InvalidLayer} a hard link leads to what no layer has
 * @throws {LayerFileFailed}
 */
export function settleLayer(
  layer: string,
  lower: string | undefined,
  unsettled: Unsettled,
  files: LayerFiles,
): void {
  if (lower === undefined) {
    const [link] = unsettled.hardLinks;
    if (link !== undefined) throw missingTarget(link);
    return;
  }
  const layerRoot = check(files.openDirectory(layer), "open", layer);
  let lowerRoot = -1;
  try {
    lowerRoot = check(files.openDirectory(lower), "open", lower);
    new Settling(files, layerRoot, lowerRoot).run(unsettled);
  } finally {
    closeSync(layerRoot);
    if (lowerRoot >= 0) closeSync(lowerRoot);
  }
}

class Settling {
  readonly #files: LayerFiles;
  readonly #layer: number;
  readonly #lower: number;
  /** Where the content of directories went that are links below. */
  readonly #moved: { readonly from: LayerPath; readonly to: LayerPath }[] = [];

  constructor(files: LayerFiles, layer: number, lower: number) {
    this.#files = files;
    this.#layer = layer;
    this.#lower = lower;
  }

  run({ impliedParents, hardLinks }: Unsettled): void {
    const implied: LayerPath[] = [];
    for (const path of impliedParents) {
      const now = this.#now(path);
      const real = this.#realPath(now);
      if (real !== undefined && real !== now) this.#move(now, real);
      else implied.push(now);
    }
    for (const link of hardLinks) this.#link({ path: this.#now(link.path), target: this.#now(link.target) });
    // Last, since everything before changes the directories' times.
    for (const path of implied) this.#describe(path);
  }

  /** The path with the moves so far. */
  #now(path: LayerPath): LayerPath {
    let now = path;
    for (const { from, to } of this.#moved)
      if (now === from || now.startsWith(`${from}/`))
        now = joinPath(to, now.slice(from.length + 1) as ByteString);
    return now.replace(/\/$/, "") as LayerPath;
  }

  /** Where `path` leads below, links followed in-root; undefined where the layers below have no such directory. */
  #realPath(path: LayerPath): LayerPath | undefined {
    let real: ByteString[] = [];
    const rest = cleanPath(path);
    for (let links = 0; rest.length > 0; ) {
      const name = rest.shift() ?? EMPTY;
      const parent = this.#openIn(this.#lower, real.join("/") as LayerPath);
      if (parent === undefined) return undefined;
      const target = this.#files.readLink(parent, name);
      const status = typeof target === "number" ? this.#files.status(parent, name) : target;
      closeSync(parent);
      if (typeof target !== "number") {
        if (++links > MAX_LINKS) throw new LayerFileFailed("resolve", path, -ELOOP);
        real = cleanPath((target.startsWith("/") ? target : `${real.join("/")}/${target}`) as ByteString);
        // What is resolved so far may hold links too: from the start again.
        rest.unshift(...real);
        real = [];
      } else if (typeof status === "number" || typeof status === "string" || !isDirectory(status))
        return undefined;
      else real.push(name);
    }
    return real.join("/") as LayerPath;
  }

  /** Moves what the layer has in `from` to `to`, where the layers below have the directory. */
  #move(from: LayerPath, to: LayerPath): void {
    const target = this.#makeIn(to);
    try {
      const [parentPath, base] = split(from);
      const parent = check(this.#files.openInRoot(this.#layer, parentPath, DIRECTORY), "open", parentPath);
      try {
        this.#merge({ directory: parent, name: base }, target, from);
        check(this.#files.remove(parent, base, true), "remove", from);
      } finally {
        closeSync(parent);
      }
    } finally {
      closeSync(target);
    }
    this.#moved.push({ from, to });
    this.#describe(to);
  }

  #merge(from: Place, target: number, path: LayerPath): void {
    const source = check(this.#files.open(from.directory, from.name, DIRECTORY, 0), "open", path);
    try {
      for (const name of checked(this.#files.list(source), "list", path)) {
        const there = this.#files.status(target, name);
        const here = checked(this.#files.status(source, name), "look at", joinPath(path, name));
        if (typeof there !== "number" && isDirectory(there) && isDirectory(here)) {
          const below = check(this.#files.open(target, name, DIRECTORY, 0), "open", joinPath(path, name));
          this.#merge({ directory: source, name }, below, joinPath(path, name));
          closeSync(below);
          check(this.#files.remove(source, name, true), "remove", joinPath(path, name));
        } else check(this.#files.rename(source, name, target, name), "move", joinPath(path, name));
      }
    } finally {
      closeSync(source);
    }
  }

  #link(link: PendingLink): void {
    const [targetPath, targetBase] = split(link.target);
    const real = this.#realPath(targetPath) ?? targetPath;
    const from = this.#makeIn(real);
    const [path, base] = split(link.path);
    const to = this.#makeIn(path);
    try {
      this.#keepingTime(from, () => {
        const there = this.#files.status(from, targetBase);
        if (typeof there === "number") this.#copyUp(real, { directory: from, name: targetBase }, link);
        const isHidden = typeof there !== "number" && isWhiteout(there);
        this.#keepingTime(to, () => {
          // What this layer hides is there for its own links all the same.
          if (isHidden) this.#copyUp(real, { directory: to, name: base }, link, targetBase);
          else check(this.#files.makeHardLink(from, targetBase, to, base), "link", link.path);
        });
      });
    } finally {
      closeSync(from);
      closeSync(to);
    }
  }

  #copyUp(lowerPath: LayerPath, to: Place, link: PendingLink, name: ByteString = to.name): void {
    const lower = this.#openIn(this.#lower, lowerPath);
    if (lower === undefined) throw missingTarget(link);
    try {
      const status = this.#files.status(lower, name);
      if (status === -ENOENT || (typeof status !== "number" && isDirectory(status)))
        throw missingTarget(link);
      copyFile(this.#files, { directory: lower, name }, to);
    } finally {
      closeSync(lower);
    }
  }

  /** Opens `path` in the layer; what is missing is made as the layers below have it. The caller closes it. */
  #makeIn(path: LayerPath): number {
    const known = this.#openIn(this.#layer, path);
    if (known !== undefined) return known;
    const [parentPath, base] = split(path);
    const parent = this.#makeIn(parentPath);
    try {
      const made = this.#keepingTime(parent, () => this.#files.makeDirectory(parent, base, 0o755));
      if (made !== -EEXIST) check(made, "make directory", path);
    } finally {
      closeSync(parent);
    }
    this.#describe(path);
    return check(this.#files.openInRoot(this.#layer, path, DIRECTORY), "open", path);
  }

  /** Makes the layer's directory look as the one below; one that is not below stays as it is. */
  #describe(path: LayerPath): void {
    const from = this.#openIn(this.#lower, path);
    if (from === undefined) return;
    const to = this.#openIn(this.#layer, path);
    try {
      if (to === undefined) return;
      const status = checked(this.#files.status(from, EMPTY), "look at", path);
      copyDescription(this.#files, { directory: from, name: EMPTY }, { directory: to, name: EMPTY }, status);
    } finally {
      closeSync(from);
      if (to !== undefined) closeSync(to);
    }
  }

  #openIn(root: number, path: LayerPath): number | undefined {
    const result = this.#files.openInRoot(root, path, DIRECTORY);
    return result === -ENOENT || result === -ENOTDIR ? undefined : check(result, "open", path);
  }

  #keepingTime<T>(directory: number, change: () => T): T {
    const { time } = checked(this.#files.status(directory, EMPTY), "look at", ".");
    const result = change();
    check(this.#files.setTimes(directory, EMPTY, time), "set times of", ".");
    return result;
  }
}

function split(path: LayerPath): [parent: LayerPath, base: ByteString] {
  const slash = path.lastIndexOf("/");
  return [path.slice(0, Math.max(slash, 0)) as LayerPath, path.slice(slash + 1) as ByteString];
}

function isDirectory(status: FileStatus): boolean {
  return (status.mode & fileTypes.mask) === fileTypes.directory;
}

/** A character device 0:0, which in an overlay layer hides a name. */
export function isWhiteout(status: FileStatus): boolean {
  return (status.mode & fileTypes.mask) === fileTypes.character && status.major === 0 && status.minor === 0;
}

function missingTarget({ path, target }: PendingLink): InvalidLayer {
  const why = `it is a hard link to ${JSON.stringify(decodeName(target))}, which no layer has`;
  return new InvalidLayer({ path: decodeName(path), why });
}
