/**
 * What a layer says, kept in memory: its members without their content, of which a digest stays where somebody wants to compare.
 * Source: image-spec layer.md.
 */
import type { Hash } from "node:crypto";
import { setImmediate as yieldToOthers } from "node:timers/promises";
import { hasherFor } from "../../spec/index.ts";
import { DEFAULT_LIMITS } from "../apply-layer.ts";
import { bytesOf } from "../byte-string.ts";
import { type ByteSource, decompress } from "../compression.ts";
import { LayerTooLarge } from "../errors.ts";
import { joinPath, type LayerPath, parseLayerName } from "../layer-name.ts";
import type { TarEntry } from "../tar/entry.ts";
import { TarReader } from "../tar/reader.ts";

/** A member that is no mark. */
export interface ListedMember extends Pick<TarEntry, "type" | "size" | "linkName" | "mode" | "uid" | "gid"> {
  readonly path: LayerPath;
  readonly major: number;
  readonly minor: number;
  /** Of all extended attributes; empty: it has none. */
  readonly attributes: string;
  /** Of a file's content, where it was asked for. */
  content: string;
}

/** A layer's members and marks. */
export interface LayerListing {
  /** In the order of the archive. */
  readonly members: readonly ListedMember[];
  /** Paths of the layers below that do not show. */
  readonly hidden: readonly LayerPath[];
  /** Directories of the layers below of which nothing shows. */
  readonly opaque: readonly LayerPath[];
}

/** Reads the layer `source`, compressed or not, to its end. @param options.hashes  Whether contents will be compared */
export async function listLayer(
  source: ByteSource,
  options: { readonly hashes: boolean },
  signal?: AbortSignal,
): Promise<LayerListing> {
  const members: ListedMember[] = [];
  const hidden: LayerPath[] = [];
  const opaque: LayerPath[] = [];
  const { maxBytes, maxEntries } = DEFAULT_LIMITS;
  let count = 0;
  let bytes = 0;
  let current: { member: ListedMember; hash: Hash; end: number } | undefined;
  const reader = new TarReader({
    entry(entry) {
      current = undefined;
      if (++count > maxEntries) throw new LayerTooLarge({ what: "entries", limit: maxEntries });
      const name = parseLayerName(entry.name);
      if (name.kind === "whiteout") hidden.push(joinPath(name.parent, name.base));
      if (name.kind === "opaque") opaque.push(name.parent);
      if (name.kind !== "entry") return;
      const member = memberOf(entry, joinPath(name.parent, name.base));
      members.push(member);
      if (options.hashes && entry.type === "file") current = { member, hash: hasherFor("sha256"), end: 0 };
    },
    data(piece, position) {
      if (current === undefined) return;
      // What is not there is not hashed byte by byte: a small archive may claim very large holes.
      if (position !== current.end) current.hash.update(`\0hole to ${position}\0`);
      current.hash.update(piece);
      current.end = position + piece.length;
    },
    entryEnd() {
      if (current !== undefined) current.member.content = current.hash.digest("base64");
      current = undefined;
    },
  });
  for await (const chunk of decompress(source)) {
    if (signal !== undefined) {
      // A file that is not compressed never waits: whoever would abort gets a turn here.
      await yieldToOthers();
      signal.throwIfAborted();
    }
    bytes += chunk.length;
    if (bytes > maxBytes) throw new LayerTooLarge({ what: "bytes", limit: maxBytes });
    reader.write(chunk);
  }
  reader.end();
  return { members, hidden, opaque };
}

function memberOf(entry: TarEntry, path: LayerPath): ListedMember {
  const { type, size, linkName, mode, uid, gid, major, minor, xattrs } = entry;
  return {
    path,
    type,
    size,
    linkName,
    mode,
    uid,
    gid,
    major,
    minor,
    attributes: attributesOf(xattrs),
    content: "",
  };
}

function attributesOf(xattrs: TarEntry["xattrs"]): string {
  if (xattrs.size === 0) return "";
  const hash = hasherFor("sha256");
  for (const name of [...xattrs.keys()].sort()) {
    const value = xattrs.get(name) ?? new Uint8Array();
    hash.update(`${name.length} ${value.length}\0`).update(bytesOf(name)).update(value);
  }
  return hash.digest("base64");
}
