/**
 * Settles an overlay layer on the layers below it. Layers of an image are unpacked in parallel, each alone; what only the
 * layers below can tell is done afterwards, bottom first: directories that no member described look as they do
 * below (and where a link stands below, their content goes where it leads), hard links to files below are copied up, whiteouts
 * that hide nothing go.
 * Source: image-spec layer.md; what containerd does by unpacking onto the mounted layers.
 */
import { closeSync, constants } from "node:fs";
import { constants as os } from "node:os";
import type { AppliedLayer } from "./apply-layer.ts";
import { OPAQUE_VALUE, opaqueAttribute } from "./attributes.ts";
import { keepingTime, openBelow } from "./below-root.ts";
import { type ByteString, decodeName } from "./byte-string.ts";
import { copyDescription, copyFile, type Place } from "./copy-file.ts";
import { check, checked, InvalidLayer, LayerFileFailed } from "./errors.ts";
import { isDirectory, isWhiteout, type LayerFiles } from "./layer-files.ts";
import { cleanPath, joinPath, type LayerPath, splitPath } from "./layer-name.ts";
import type { PendingLink, Unsettled } from "./layer-writer.ts";
import { NeedlessMarks } from "./needless-marks.ts";

const EMPTY = "" as ByteString;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;
const { EEXIST, ELOOP, ENOENT } = os.errno;
const MAX_LINKS = 40;

/** Whether `settleLayer` needs all layers below as one tree (mounted read-only); else the next layer's directory will do. */
export function needsMergedLower({ impliedParents, hardLinks, whiteouts }: Unsettled): boolean {
  return hardLinks.length > 0 || whiteouts.length > 0 || impliedParents.some((path) => path !== "");
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
  { unsettled, hidesLower }: Pick<AppliedLayer, "unsettled" | "hidesLower">,
  files: LayerFiles,
): void {
  const [link] = unsettled.hardLinks;
  if (lower === undefined && link !== undefined) throw missingTarget(link);
  const layerRoot = check(files.openDirectory(layer), "open", layer);
  let lowerRoot = -1;
  try {
    if (lower !== undefined) {
      lowerRoot = check(files.openDirectory(lower), "open", lower);
      new Settling(files, layerRoot, lowerRoot).run(unsettled, hidesLower);
    } else new NeedlessMarks(files, layerRoot, -1).remove(unsettled.whiteouts, unsettled.impliedParents);
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

  run({ impliedParents, hardLinks, whiteouts }: Unsettled, hidesLower: boolean): void {
    const implied: LayerPath[] = [];
    for (const path of impliedParents) {
      const now = this.#now(path);
      const real = this.#realPath(now);
      if (real !== undefined && real !== now) this.#move(now, real);
      else implied.push(now);
    }
    for (const link of hardLinks) this.#link({ path: this.#now(link.path), target: this.#now(link.target) });
    new NeedlessMarks(this.#files, this.#layer, hidesLower ? -1 : this.#lower).remove(
      whiteouts.map((path) => this.#now(path)),
      implied,
    );
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

  /** Where `path` leads below, links followed in-root, also to what is missing there; undefined where something else is in the way. */
  #realPath(path: LayerPath): LayerPath | undefined {
    let real: ByteString[] = [];
    const rest = cleanPath(path);
    for (let links = 0; rest.length > 0; ) {
      const name = rest.shift() ?? EMPTY;
      const parent = openBelow(this.#files, this.#lower, real.join("/") as LayerPath);
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
      } else if (status === -ENOENT) return [...real, name, ...rest].join("/") as LayerPath;
      else if (typeof status === "number" || typeof status === "string" || !isDirectory(status))
        return undefined;
      else real.push(name);
    }
    return real.join("/") as LayerPath;
  }

  /** Moves what the layer has in `from` to `to`, where the layers below have the directory. */
  #move(from: LayerPath, to: LayerPath): void {
    const target = this.#makeIn(to);
    try {
      const [parentPath, base] = splitPath(from);
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
        const found = this.#files.status(target, name);
        const there = typeof found === "number" ? undefined : found;
        const here = checked(this.#files.status(source, name), "look at", joinPath(path, name));
        if (there !== undefined && isDirectory(there) && isDirectory(here)) {
          const below = check(this.#files.open(target, name, DIRECTORY, 0), "open", joinPath(path, name));
          this.#merge({ directory: source, name }, below, joinPath(path, name));
          closeSync(below);
          check(this.#files.remove(source, name, true), "remove", joinPath(path, name));
        } else if (there !== undefined && isWhiteout(here)) {
          check(this.#files.remove(source, name, false), "remove whiteout", joinPath(path, name));
          if (isDirectory(there)) this.#hideBelow(target, name);
        } else {
          const isHidden = there !== undefined && isWhiteout(there);
          if (isHidden) check(this.#files.remove(target, name, false), "remove whiteout", name);
          check(this.#files.rename(source, name, target, name), "move", joinPath(path, name));
          if (isHidden && isDirectory(here)) this.#hideBelow(target, name);
        }
      }
    } finally {
      closeSync(source);
    }
  }

  /** A directory that has been hidden by its other name hides what is below, as one that comes after its whiteout does. */
  #hideBelow(parent: number, name: ByteString): void {
    const directory = check(this.#files.open(parent, name, DIRECTORY, 0), "open", name);
    try {
      const result = this.#files.setAttribute(directory, EMPTY, opaqueAttribute(this.#files), OPAQUE_VALUE);
      check(result, "mark as opaque", name);
    } finally {
      closeSync(directory);
    }
  }

  #link(link: PendingLink): void {
    const [targetPath, targetBase] = splitPath(link.target);
    const real = this.#realPath(targetPath) ?? targetPath;
    const from = this.#makeIn(real);
    const [path, base] = splitPath(link.path);
    const to = this.#makeIn(path);
    try {
      keepingTime(this.#files, from, () => {
        const there = this.#files.status(from, targetBase);
        if (typeof there === "number") this.#copyUp(real, { directory: from, name: targetBase }, link);
        const isHidden = typeof there !== "number" && isWhiteout(there);
        keepingTime(this.#files, to, () => {
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
    const lower = openBelow(this.#files, this.#lower, lowerPath);
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
    const known = openBelow(this.#files, this.#layer, path);
    if (known !== undefined) return known;
    const [parentPath, base] = splitPath(path);
    const parent = this.#makeIn(parentPath);
    try {
      const made = keepingTime(this.#files, parent, () => this.#files.makeDirectory(parent, base, 0o755));
      if (made !== -EEXIST) check(made, "make directory", path);
    } finally {
      closeSync(parent);
    }
    this.#describe(path);
    return check(this.#files.openInRoot(this.#layer, path, DIRECTORY), "open", path);
  }

  /** Makes the layer's directory look as the one below; one that is not below stays as it is. */
  #describe(path: LayerPath): void {
    const from = openBelow(this.#files, this.#lower, path);
    if (from === undefined) return;
    const to = openBelow(this.#files, this.#layer, path);
    try {
      if (to === undefined) return;
      const status = checked(this.#files.status(from, EMPTY), "look at", path);
      copyDescription(this.#files, { directory: from, name: EMPTY }, { directory: to, name: EMPTY }, status);
    } finally {
      closeSync(from);
      if (to !== undefined) closeSync(to);
    }
  }
}

function missingTarget({ path, target }: PendingLink): InvalidLayer {
  const why = `it is a hard link to ${JSON.stringify(decodeName(target))}, which no layer has`;
  return new InvalidLayer({ path: decodeName(path), why });
}
