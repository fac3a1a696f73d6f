/**
 * Pushes an image: from the store to a repository, byte for byte, so that every digest stays.
 * What refers goes after what it refers to; the root goes last, under its tag. That all of it is here is looked at first.
 * Source: distribution-spec spec.md, Push.
 */
import { forEachParallel, Unsupported } from "../../base/index.ts";
import type { ContentStore } from "../../content/index.ts";
import {
  type Descriptor,
  type Digest,
  isNondistributableLayer,
  MAX_MANIFEST_BYTES,
  mediaTypeKind,
  parseManifestOrIndex,
  type Tag,
} from "../../spec/index.ts";
import type { RegistryClient } from "./client.ts";
import { IncompleteImage } from "./errors.ts";
import type { PushEvent } from "./progress.ts";
import { streamOf } from "./stream.ts";

/** What and how. */
export interface PushOptions {
  readonly store: ContentStore;
  /** A manifest or an index of the store. */
  readonly root: Descriptor;
  /** The name it gets; without one it can be pulled by digest only. */
  readonly tag?: Tag | undefined;
  /** Pushes an index although some of its children are not here. Not every registry takes that. */
  readonly isPartial?: boolean;
  readonly onProgress?: (event: PushEvent) => void;
  readonly signal?: AbortSignal;
}

/** Everything that a root refers to, what is referred to first. */
interface Parts {
  readonly blobs: Map<Digest, Descriptor>;
  readonly manifests: Map<Digest, { readonly descriptor: Descriptor; readonly bytes: Uint8Array }>;
  readonly missing: Digest[];
}

const PARALLEL_BLOBS = 3;
/** As deep as a pull goes. */
const MAX_DEPTH = 8;

/** Pushes `root` and all that it refers to into the client's repository. @throws {IncompleteImage} before anything is sent */
export async function pushImage(client: RegistryClient, options: PushOptions): Promise<void> {
  const { store, root, tag, onProgress: tell = () => undefined, signal } = options;
  const parts = collect(store, root, options.isPartial ?? false);
  await forEachParallel([...parts.blobs.values()], PARALLEL_BLOBS, signal, async (blob, either) => {
    await pushPart(client, store, blob, tell, either);
  });
  for (const { descriptor, bytes } of parts.manifests.values()) {
    const target = descriptor.digest === root.digest && tag !== undefined ? tag : descriptor.digest;
    await client.putManifest(target, { mediaType: descriptor.mediaType, bytes }, signal);
    tell({ kind: "manifest", descriptor });
  }
}

async function pushPart(
  client: RegistryClient,
  store: ContentStore,
  blob: Descriptor,
  tell: (event: PushEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  if (await client.hasBlob(blob, signal)) return tell({ kind: "present", blob });
  const open = (): ReadableStream<Uint8Array> => {
    tell({ kind: "begun", blob, offset: 0 });
    return streamOf(
      counted(store.readStream(blob.digest), (offset) => tell({ kind: "moved", blob, offset })),
    );
  };
  await client.pushBlob(blob, open, signal);
  tell({ kind: "done", blob });
}

async function* counted(
  stream: ReadableStream<Uint8Array>,
  tell: (offset: number) => void,
): AsyncGenerator<Uint8Array, void, void> {
  let offset = 0;
  for await (const chunk of stream) {
    offset += chunk.byteLength;
    yield chunk;
    tell(offset);
  }
}

function collect(store: ContentStore, root: Descriptor, isPartial: boolean): Parts {
  const parts: Parts = { blobs: new Map(), manifests: new Map(), missing: [] };
  addManifest(store, root, isPartial, parts, 0);
  if (parts.missing.length === 0) return parts;
  throw new IncompleteImage({
    digest: root.digest,
    missing: parts.missing,
    present: wholeChildren(store, root),
  });
}

/** Adds a manifest or index behind all that it refers to; one that was added already ends the walk, so a graph costs its nodes. */
function addManifest(
  store: ContentStore,
  descriptor: Descriptor,
  isPartial: boolean,
  parts: Parts,
  depth: number,
): void {
  if (parts.manifests.has(descriptor.digest)) return;
  if (depth > MAX_DEPTH)
    throw new Unsupported({
      what: `image ${descriptor.digest}`,
      why: `it lies more than ${MAX_DEPTH} indexes deep`,
    });
  const bytes = store.readBytes(descriptor.digest, MAX_MANIFEST_BYTES);
  const document = parseManifestOrIndex(bytes, descriptor.mediaType);
  if (document.kind === "manifest") {
    const { config, layers } = document.manifest;
    for (const blob of [config, ...layers])
      if (!isNondistributableLayer(blob.mediaType)) addPart(store, blob, parts);
  } else
    for (const child of document.index.manifests) {
      if (!store.has(child.digest)) {
        if (!isPartial) parts.missing.push(child.digest);
      } else if (mediaTypeKind(child.mediaType) === "other") addPart(store, child, parts);
      else addManifest(store, child, isPartial, parts, depth + 1);
    }
  parts.manifests.set(descriptor.digest, { descriptor, bytes });
}

function addPart(store: ContentStore, blob: Descriptor, parts: Parts): void {
  if (store.has(blob.digest)) parts.blobs.set(blob.digest, blob);
  else parts.missing.push(blob.digest);
}

/** The children of an index that could be pushed by themselves. */
function wholeChildren(store: ContentStore, root: Descriptor): Descriptor[] {
  const document = parseManifestOrIndex(store.readBytes(root.digest, MAX_MANIFEST_BYTES), root.mediaType);
  if (document.kind === "manifest") return [];
  return document.index.manifests.filter((child) => {
    if (!store.has(child.digest) || mediaTypeKind(child.mediaType) === "other") return false;
    const parts: Parts = { blobs: new Map(), manifests: new Map(), missing: [] };
    addManifest(store, child, false, parts, 1);
    return parts.missing.length === 0;
  });
}
