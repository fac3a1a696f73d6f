/**
 * Where blobs are kept, as whoever keeps them in another place has to offer it: `ContentStore` has them on a disk. Blobs are named by their digest,
 * never change, and become visible whole and checked, or not at all. `blobStoreSuite()` in test/kits/content is what every implementation must pass.
 */
import type { Digest } from "../spec/index.ts";

/** What content should be, as far as one knows beforehand. */
export interface Expected {
  readonly digest?: Digest | undefined;
  readonly size?: number | undefined;
}

/** Content that is in the store now. */
export interface Committed {
  readonly digest: Digest;
  readonly size: number;
}

/** The algorithms of content that is taken in. */
export type SupportedAlgorithm = "sha256" | "sha512";

/** How content is taken in. */
export interface IngestOptions {
  /** By which a later process goes on with it; without one it is of no use to anybody else. */
  readonly id?: string;
  /** Checked while writing and at commit. */
  readonly expected?: Expected;
  /** sha256, unless `expected.digest` says otherwise. */
  readonly algorithm?: SupportedAlgorithm;
}

/** An ingest as others see it. */
export interface IngestStatus {
  readonly id: string;
  /** Bytes that are here. */
  readonly offset: number;
  /** When a byte was last written, in milliseconds since the epoch. */
  readonly updatedAtMs: number;
  /** Whether a living process is writing it. */
  readonly isOwned: boolean;
}

/** Blobs, whole ones and those on their way in. */
export interface BlobStore {
  has(digest: Digest): boolean;
  /** The blob's size, undefined if it is not here. */
  stat(digest: Digest): { size: number } | undefined;
  /** All of a small blob, its digest checked. @throws {BlobNotFound} @throws {BlobTooLarge} @throws {DigestMismatch} */
  readBytes(digest: Digest, maxBytes: number): Uint8Array;
  /** Its bytes from `start` to before `end`, unchecked; what was begun goes on when the blob is deleted. @throws {BlobNotFound} at once */
  readStream(digest: Digest, range?: { start?: number; end?: number }): ReadableStream<Uint8Array>;
  /** @returns whether it was here */
  delete(digest: Digest): boolean;
  deleteAsync(digest: Digest): Promise<boolean>;
  /** Every blob's digest, in no order. */
  digests(): Iterable<Digest>;

  /** Begins to take content in. @throws {IngestInUse} the id is taken @throws {UnsupportedAlgorithm} @throws {InvalidIngestID} */
  ingest(options?: IngestOptions): BlobIngest;
  /** Goes on with one that was suspended, or whose process died. @throws {IngestNotFound} @throws {IngestInUse} somebody alive writes it */
  resumeIngest(id: string, options?: Omit<IngestOptions, "id">): BlobIngest;
  resumeIngestAsync(id: string, options?: Omit<IngestOptions, "id">): Promise<BlobIngest>;
  /** What is being taken in, or was left behind. */
  ingests(): IngestStatus[];
  /** Removes ingests that nobody alive writes and that are older than `olderThanMs`. @returns their ids */
  pruneIngests(olderThanMs: number): string[];
  /** Removes one, if it is here and nobody alive writes it. @returns whether it did */
  discardIngest(id: string): boolean;
}

/** One blob being written. Disposing aborts it, unless it was committed or suspended. After those three it takes nothing: {@link IngestClosed}. */
export interface BlobIngest extends Disposable {
  readonly id: string;
  /** How many bytes are here: where the next ones go. */
  readonly offset: number;
  /** Appends `chunk`, which may be used again at once. @throws {SizeMismatch} as soon as there is a byte too many */
  write(chunk: Uint8Array): void;
  /** Reads what is here already. @returns how many bytes it was */
  readAt(target: Uint8Array, position: number): number;
  /**
   * Checks the content against what was expected, here and when the ingest began, and makes it visible, durably. After an error nothing is visible
   * and the ingest is still open. @throws {SizeMismatch} @throws {DigestMismatch} @throws {UnsupportedAlgorithm}
   */
  commit(expected?: Expected): Committed;
  commitAsync(expected?: Expected): Promise<Committed>;
  /** Forgets everything. */
  abort(): void;
  abortAsync(): Promise<void>;
  /** Leaves what is here to a later `resumeIngest`. */
  suspend(): void;
}
