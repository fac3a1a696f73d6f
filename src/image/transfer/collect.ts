/**
 * What an image consists of, read from its source: every document, checked, what is referred to before what refers; and every
 * blob, once. A source is hostile: depth, number and bytes of documents are bounded (zot #4318, an index of indexes that share children).
 */
import { DigestMismatch, SizeMismatch, UnsupportedAlgorithm } from "../../content/index.ts";
import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestOf,
  isNondistributableLayer,
  isSupportedAlgorithm,
  type ManifestOrIndex,
  mediaTypeKind,
  type Platform,
  parseManifestOrIndex,
} from "../../spec/index.ts";
import { chooseEntry, MAX_INDEX_DEPTH, NotAnImage } from "../read-image.ts";
import type { ImageDocument, ImageSource } from "./place.ts";

/** A document that was read and checked. */
export interface CollectedDocument extends ImageDocument {
  readonly document: ManifestOrIndex;
}

/** All of an image. The root is the last of its documents. */
export interface CollectedImage {
  readonly root: CollectedDocument;
  readonly documents: readonly CollectedDocument[];
  /** Of all documents; not: layers that are never given away. */
  readonly blobs: readonly Descriptor[];
}

const MAX_DOCUMENTS = 10_000;
const MAX_DOCUMENT_BYTES = 128 << 20;

/** Reads documents of one source, each once. */
export class Collector {
  readonly #source: ImageSource;
  readonly #signal: AbortSignal | undefined;
  readonly #documents = new Map<Digest, CollectedDocument>();
  readonly #blobs = new Map<Digest, Descriptor>();
  #count = 0;
  #bytes = 0;

  constructor(source: ImageSource, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#signal = signal;
  }

  /** What the source means. */
  async root(): Promise<CollectedDocument> {
    return this.#check(await this.#source.root(this.#signal));
  }

  /** From `root` to the manifest for `platform`: all of that way. @throws {NoMatchingPlatform} */
  async walk(root: CollectedDocument, platform: Platform): Promise<CollectedDocument[]> {
    const chain = [root];
    for (let at = root; at.document.kind === "index"; chain.push(at)) {
      if (chain.length > MAX_INDEX_DEPTH) throw this.#tooMuch(root.descriptor);
      at = await this.#read(chooseEntry(at.document.index, platform));
    }
    return chain;
  }

  /** `root` with everything below it. What was collected before is not given again. */
  async collect(root: CollectedDocument): Promise<CollectedImage> {
    const [documents, blobs] = [this.#documents.size, this.#blobs.size];
    await this.#add(root, 0);
    return {
      root,
      documents: [...this.#documents.values()].slice(documents),
      blobs: [...this.#blobs.values()].slice(blobs),
    };
  }

  /** What refers to `subjects`, and to that, and so on: whole, those first to which others refer. */
  async referrers(
    subjects: readonly CollectedDocument[],
    list: NonNullable<ImageSource["referrers"]>,
  ): Promise<CollectedImage[]> {
    const found: CollectedImage[] = [];
    const queue = [...subjects];
    for (const subject of queue)
      for (const descriptor of await list(subject.descriptor.digest, this.#signal)) {
        if (this.#documents.has(descriptor.digest)) continue;
        const image = await this.collect(await this.#read(descriptor));
        found.push(image);
        queue.push(...image.documents);
      }
    return found;
  }

  async #add(at: CollectedDocument, depth: number): Promise<void> {
    const { descriptor, document } = at;
    if (this.#documents.has(descriptor.digest)) return;
    if (depth > MAX_INDEX_DEPTH) throw this.#tooMuch(descriptor);
    if (document.kind === "manifest") {
      const { config, layers } = document.manifest;
      for (const blob of [config, ...layers]) this.#addBlob(blob);
    } else
      for (const child of document.index.manifests)
        if (mediaTypeKind(child.mediaType) === "other") this.#addBlob(child);
        else if (!this.#documents.has(child.digest)) await this.#add(await this.#read(child), depth + 1);
    this.#documents.set(descriptor.digest, at);
  }

  #addBlob(blob: Descriptor): void {
    if (isNondistributableLayer(blob.mediaType)) return;
    const before = this.#blobs.get(blob.digest);
    if (before !== undefined && before.size !== blob.size)
      throw new SizeMismatch({ name: blob.digest, expected: blob.size, actual: before.size });
    this.#blobs.set(blob.digest, before ?? blob);
  }

  async #read(descriptor: Descriptor): Promise<CollectedDocument> {
    const bytes = await this.#source.readDocument(descriptor, this.#signal);
    return this.#check({ descriptor, bytes });
  }

  #check({ descriptor, bytes }: ImageDocument): CollectedDocument {
    const { digest, size } = descriptor;
    this.#count += 1;
    this.#bytes += bytes.byteLength;
    if (this.#count > MAX_DOCUMENTS || this.#bytes > MAX_DOCUMENT_BYTES) throw this.#tooMuch(descriptor);
    const algorithm = digestAlgorithm(digest);
    if (!isSupportedAlgorithm(algorithm)) throw new UnsupportedAlgorithm({ algorithm });
    if (bytes.byteLength !== size)
      throw new SizeMismatch({ name: digest, expected: size, actual: bytes.byteLength });
    const actual = digestOf(bytes, algorithm);
    if (actual !== digest) throw new DigestMismatch({ expected: digest, actual });
    return { descriptor, bytes, document: parseManifestOrIndex(bytes, descriptor.mediaType) };
  }

  #tooMuch({ digest }: Descriptor): NotAnImage {
    return new NotAnImage({ digest, why: "it leads to too many documents" });
  }
}
