/**
 * What the name of a layer's member means: an entry, or a mark that hides something of the layers below.
 * Names are cleaned as if the root were `/`: `..` above the root stays there. Source: image-spec layer.md, whiteouts.
 */
import { type ByteString, decodeName } from "./byte-string.ts";
import { InvalidLayer } from "./errors.ts";

/** Path of a directory below the root, without slashes at its ends; empty for the root itself. */
export type LayerPath = ByteString;

/** The meaning. `base` is one component. */
export type LayerName =
  | { readonly kind: "root" }
  | { readonly kind: "entry" | "whiteout"; readonly parent: LayerPath; readonly base: ByteString }
  | { readonly kind: "opaque"; readonly parent: LayerPath }
  /** aufs's own files (`.wh..wh.plnk`), which are of no use to anybody else. */
  | { readonly kind: "ignored" };

const WHITEOUT = ".wh.";
const AUFS = ".wh..wh.";
const OPAQUE = ".wh..wh..opq";
/** What the kernel takes in one path. */
const MAX_PATH_BYTES = 4095;

/** @throws {InvalidLayer} a mark that hides nothing, or hides `.` or `..`; a path that no kernel takes */
export function parseLayerName(name: ByteString): LayerName {
  const components = cleanPath(name);
  const base = components.pop();
  if (base === undefined) return { kind: "root" };
  const parent = components.join("/") as LayerPath;
  if (parent.length + base.length >= MAX_PATH_BYTES) throw invalid(name, "its path is too long");
  if (!name.includes(WHITEOUT)) return { kind: "entry", parent, base };
  if (components.some((component) => component.startsWith(AUFS))) return { kind: "ignored" };
  if (components.some((component) => component.startsWith(WHITEOUT)))
    throw invalid(name, "a directory on its path has the name of a whiteout");
  if (base === OPAQUE) return { kind: "opaque", parent };
  if (base.startsWith(AUFS)) return { kind: "ignored" };
  if (!base.startsWith(WHITEOUT)) return { kind: "entry", parent, base };
  const hidden = base.slice(WHITEOUT.length) as ByteString;
  if (hidden === "" || hidden === "." || hidden === "..") throw invalid(name, "it is a whiteout of nothing");
  return { kind: "whiteout", parent, base: hidden };
}

/** Reads the names of one archive, of which most are in the directory of the name before. */
export class LayerNames {
  readonly #parse: (name: ByteString) => LayerName;
  /** What the name before had up to its last slash, and the directory that this is; undefined: it may be part of a mark. */
  #prefix = "";
  #parent: LayerPath | undefined;

  /** @param isLiteral  Nothing is a mark; see `literalName()` */
  constructor(isLiteral: boolean) {
    this.#parse = isLiteral ? literalName : parseLayerName;
  }

  /** @throws {InvalidLayer} see `parseLayerName()` */
  parse(name: ByteString): LayerName {
    const start = name.lastIndexOf("/") + 1;
    const parent = start === this.#prefix.length && name.startsWith(this.#prefix) ? this.#parent : undefined;
    if (parent !== undefined) {
      const base = name.slice(start) as ByteString;
      const isPlain = base !== "" && base !== "." && base !== ".." && !base.startsWith(WHITEOUT);
      if (isPlain && parent.length + base.length < MAX_PATH_BYTES) return { kind: "entry", parent, base };
    }
    const parsed = this.#parse(name);
    this.#prefix = name.slice(0, start);
    // A name that ends with a slash has another directory than its prefix.
    const isPrefix = parsed.kind === "entry" && start < name.length && !this.#prefix.includes(WHITEOUT);
    this.#parent = isPrefix && name.slice(start) === parsed.base ? parsed.parent : undefined;
    return parsed;
  }
}

/** The meaning where nothing is a mark: the archive is no layer. @throws {InvalidLayer} a path that no kernel takes */
function literalName(name: ByteString): LayerName {
  const components = cleanPath(name);
  const base = components.pop();
  if (base === undefined) return { kind: "root" };
  const parent = components.join("/") as LayerPath;
  if (parent.length + base.length >= MAX_PATH_BYTES) throw invalid(name, "its path is too long");
  return { kind: "entry", parent, base };
}

/** The components of `name`, without `.` and with `..` resolved by name alone. */
export function cleanPath(name: ByteString): ByteString[] {
  const components: ByteString[] = [];
  for (const component of name.split("/") as ByteString[]) {
    if (component === "..") components.pop();
    else if (component !== "" && component !== ".") components.push(component);
  }
  return components;
}

/** `parent/base`. */
export function joinPath(parent: LayerPath, base: ByteString): LayerPath {
  return (parent === "" ? base : `${parent}/${base}`) as LayerPath;
}

/** `parent/base` as its two. */
export function splitPath(path: LayerPath): [parent: LayerPath, base: ByteString] {
  const slash = path.lastIndexOf("/");
  return [path.slice(0, Math.max(slash, 0)) as LayerPath, path.slice(slash + 1) as ByteString];
}

function invalid(name: ByteString, why: string): InvalidLayer {
  return new InvalidLayer({ path: decodeName(name), why });
}
