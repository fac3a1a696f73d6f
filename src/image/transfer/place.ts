/**
 * Places that images are copied from and to: registries, layouts, archives, directories, the engine's store. What a place is
 * asked for is checked by `copyImage()`; a place only says what it has, and shows what it is given when all of it is there.
 */
import type { Descriptor, Digest } from "../../spec/index.ts";

/** A manifest or an index, with its exact bytes. */
export interface ImageDocument {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** Where one image, or one index of images, is read. Disposing lets go of what was opened for it. */
export interface ImageSource extends AsyncDisposable {
  /** As people write it. */
  readonly name: string;
  /** What the place means. */
  root(signal?: AbortSignal): Promise<ImageDocument>;
  /** The bytes of a manifest or an index, not yet checked. */
  readDocument(descriptor: Descriptor, signal?: AbortSignal): Promise<Uint8Array>;
  /** The bytes of a config, a layer or anything else, not yet checked; leaving the iteration ends the reading. */
  readBlob(blob: Descriptor, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** The file that holds just the blob's bytes, if it is there, and that nobody ever changes. Absent: such a place has none. */
  readonly blobFile?: (blob: Descriptor) => string;
  /** What refers to `subject`. Absent: such a place keeps no referrers. */
  readonly referrers?: (subject: Digest, signal?: AbortSignal) => Promise<readonly Descriptor[]>;
}

/** Opens the bytes of a blob from the beginning; may be called again, when an attempt to write them failed. */
export type BlobOpener = () => AsyncGenerator<Uint8Array, void, void>;

/**
 * Where one image is written. What it refers to comes first, and `commit` last: before that nobody sees anything of it, and
 * disposing without it leaves at most whole blobs that nothing names.
 */
export interface ImageDestination extends AsyncDisposable {
  /** As people write it. */
  readonly name: string;
  /** Whether it refuses bytes that are not what their descriptor says; those that do not are given none. */
  readonly isChecking: boolean;
  /** Refuses, before anything is read, what such a place cannot hold. @throws {Unsupported} */
  readonly admit?: (root: Descriptor, documents: readonly ImageDocument[]) => void;
  /** Whether the blob is there already. */
  hasBlob(blob: Descriptor, signal?: AbortSignal): Promise<boolean>;
  /** Has the place take the blob from where the source is, without its bytes. @returns whether it did. */
  readonly mountBlob?: (blob: Descriptor, signal?: AbortSignal) => Promise<boolean>;
  /** Takes the blob from a file that nobody ever changes, as a second name of it, where that is possible. @returns whether it did. */
  readonly linkBlob?: (blob: Descriptor, file: string) => Promise<boolean>;
  /** Several blobs may be written at once. */
  writeBlob(blob: Descriptor, open: BlobOpener, signal?: AbortSignal): Promise<void>;
  /** A manifest or an index below the root. */
  writeDocument(document: ImageDocument, signal?: AbortSignal): Promise<void>;
  /** A manifest that refers to one of the image's. Absent: such a place keeps no referrers. */
  readonly writeReferrer?: (document: ImageDocument, signal?: AbortSignal) => Promise<void>;
  /** The root, under the name or names that the place was opened for. */
  commit(root: ImageDocument, signal?: AbortSignal): Promise<void>;
}
