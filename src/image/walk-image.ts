/** Everything that a descriptor leads to in the store, each blob once. */
import type { ContentStore } from "../content/index.ts";
import { type Descriptor, MAX_MANIFEST_BYTES, mediaTypeKind, parseManifestOrIndex } from "../spec/index.ts";
import { MAX_INDEX_DEPTH, NotAnImage } from "./read-image.ts";

/** How many documents one image may lead to: an index of indexes that share children must not take for ever. */
const MAX_DOCUMENTS = 10_000;

/** What stands between a descriptor and its children. */
export interface Walked {
  readonly descriptor: Descriptor;
  /** False for a blob that is not here. Its children, if it has some, are unknown. */
  readonly isHere: boolean;
}

/**
 * Yields `descriptor` and what it leads to (manifests, configs, layers), parents first, each digest once; subjects are not
 * followed. Only documents that are manifest or index by their type are read. @throws {NotAnImage} too deep, too many
 */
export function* walkImage(store: ContentStore, descriptor: Descriptor): Generator<Walked> {
  const seen = new Set<string>();
  let documents = 0;
  function* visit(at: Descriptor, depth: number): Generator<Walked> {
    if (seen.has(at.digest)) return;
    seen.add(at.digest);
    const isHere = store.has(at.digest);
    yield { descriptor: at, isHere };
    const kind = mediaTypeKind(at.mediaType);
    if (!isHere || (kind !== "index" && kind !== "manifest")) return;
    if (depth > MAX_INDEX_DEPTH || ++documents > MAX_DOCUMENTS)
      throw new NotAnImage({ digest: descriptor.digest, why: "it leads to too many documents" });
    const document = parseManifestOrIndex(store.readBytes(at.digest, MAX_MANIFEST_BYTES), at.mediaType);
    const children =
      document.kind === "index"
        ? document.index.manifests
        : [document.manifest.config, ...document.manifest.layers];
    for (const child of children) yield* visit(child, depth + 1);
  }
  yield* visit(descriptor, 0);
}
