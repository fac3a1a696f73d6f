/**
 * Content on its way into the store. It becomes visible by one rename, after its size and hash are checked and its
 * bytes are on disk; until then nobody sees it, and a process that is killed leaves only a folder below `ingest/`.
 */
import type { Hash } from "node:crypto";
import { close, closeSync, fsync, fsyncSync, ftruncateSync, readSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { TeuError } from "../base/index.ts";
import { type Digest, digestAlgorithm, hasherFor, isSupportedAlgorithm } from "../spec/index.ts";
import type { BlobIngest, Committed, Expected, SupportedAlgorithm } from "./blob-store.ts";
import { CHUNK_BYTES } from "./blob-stream.ts";
import { syncFolder, writeWhole } from "./durable.ts";
import { DigestMismatch, errnoOf, SizeMismatch, UnsupportedAlgorithm, writeError } from "./errors.ts";
import type { FileHash, FileHasher } from "./file-hasher.ts";
import { orderedBytes, readSegments, SegmentWriter } from "./segments.ts";
import { yieldToOthers } from "./yield.ts";

/** What an ingest needs of its store. */
export interface IngestPlace {
  /** The ingest's own folder. */
  readonly folder: string;
  /** Open for reading and writing `data` in it. */
  readonly descriptor: number;
  /** Where a blob of this digest belongs; its folder exists. */
  readonly blobPath: (digest: Digest) => string;
  /** Makes the names in a folder of blobs durable, without blocking. */
  readonly syncFolder: (folder: string) => Promise<void>;
  /** Held as long as this process writes. */
  readonly ownership: Disposable;
  /** Hashes what is large. */
  readonly hasher: FileHasher | undefined;
}

/** Loaded for who takes content in: every start of a container opens the store. */
function promises(): typeof import("node:fs/promises") {
  return process.getBuiltinModule("node:fs/promises");
}

/** What is smaller is hashed sooner than somebody else is asked to. */
const SMALL_BYTES = 1 << 20;
/** How often somebody else is told that there is more. */
const TOLD_BYTES = 1 << 20;

/** The ingest was committed, aborted or suspended and takes no more bytes. */
export class IngestClosed extends TeuError<"ingest-closed", { id: string }> {
  constructor(context: { id: string }) {
    super(
      "ingest-closed",
      "internal",
      context,
      `Cannot write to ingest ${JSON.stringify(context.id)}: it is closed`,
    );
  }
}

/** The algorithm that `expected` asks for, or `otherwise`. @throws {UnsupportedAlgorithm} */
export function algorithmFor(expected: Expected, otherwise: SupportedAlgorithm): SupportedAlgorithm {
  if (expected.digest === undefined) return otherwise;
  const algorithm = digestAlgorithm(expected.digest);
  if (!isSupportedAlgorithm(algorithm)) throw new UnsupportedAlgorithm({ algorithm });
  return algorithm;
}

/** One blob being written. Disposing aborts it, unless it was committed or suspended. */
export class Ingest implements BlobIngest {
  readonly id: string;
  readonly #place: IngestPlace;
  readonly #expected: Expected;
  #algorithm: SupportedAlgorithm;
  #hash: Hash;
  #offset = 0;
  #isOpen = true;
  /** Somebody else hashes from the file's beginning on, and was told of so many bytes. */
  #elsewhere: FileHash | undefined;
  #told = 0;

  /** Made by the store. Takes over everything in `place`. */
  constructor(id: string, place: IngestPlace, expected: Expected, algorithm: SupportedAlgorithm) {
    this.id = id;
    this.#place = place;
    this.#expected = expected;
    this.#algorithm = algorithm;
    this.#hash = hasherFor(algorithm);
  }

  /** How many bytes are here: where the next ones go. */
  get offset(): number {
    return this.#offset;
  }

  /** Hashes what an earlier process left, cut to `upTo`. For the store, before anything is written. */
  readBack(upTo = Number.MAX_SAFE_INTEGER): void {
    for (const _chunk of this.#readBack(upTo));
  }

  /** The same for servers: after each chunk the others get their turn. */
  async readBackAsync(upTo = Number.MAX_SAFE_INTEGER): Promise<void> {
    for (const _chunk of this.#readBack(upTo)) await yieldToOthers();
  }

  /** Appends `chunk`, which may be used again at once. @throws {SizeMismatch} as soon as there is a byte too many */
  write(chunk: Uint8Array): void {
    this.#mustBeOpen();
    const { size } = this.#expected;
    if (size !== undefined && this.#offset + chunk.length > size)
      throw this.#sizeMismatch(size, chunk.length);
    try {
      // What was read back did not move the descriptor.
      writeWhole(this.#place.descriptor, chunk, this.#offset);
    } catch (error) {
      throw writeError(error, dirname(dirname(this.#place.folder)));
    }
    this.#take(chunk);
  }

  /**
   * Takes the rest in segments that come in any order, of about `segmentBytes`; until all are there nothing else is written.
   * What an earlier process has brought of them is kept. The size was said when the ingest began.
   */
  segments(segmentBytes: number): SegmentWriter {
    this.#mustBeOpen();
    const { size } = this.#expected;
    if (size === undefined) throw new RangeError("segments want a size");
    return new SegmentWriter(this, this.#place.folder, size, segmentBytes);
  }

  /** Whether an earlier process began to take it so. */
  get hasSegments(): boolean {
    return readSegments(this.#place.folder) !== undefined;
  }

  /** Writes `chunk` at `position`, beyond what is here in order. For segments. */
  writeAhead(chunk: Uint8Array, position: number): void {
    this.#mustBeOpen();
    try {
      writeWhole(this.#place.descriptor, chunk, position);
    } catch (error) {
      throw writeError(error, dirname(dirname(this.#place.folder)));
    }
  }

  /** Takes in what was written ahead, a chunk at most and not beyond `upTo`. For segments. @returns how many bytes */
  advance(upTo: number): number {
    if (!this.#isOpen) return 0;
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const wanted = Math.min(chunk.length, upTo - this.#offset);
    const length = wanted <= 0 ? 0 : readSync(this.#place.descriptor, chunk, 0, wanted, this.#offset);
    this.#take(chunk.subarray(0, length));
    return length;
  }

  /** Cuts off what was written ahead. For segments. */
  forgetAhead(): void {
    this.#mustBeOpen();
    ftruncateSync(this.#place.descriptor, this.#offset);
  }

  /**
   * Checks the content against what was expected, here and when the ingest began, and makes it visible, durably.
   * After an error nothing is visible and the ingest is still open: abort it, or write what is missing.
   * @throws {SizeMismatch} @throws {DigestMismatch} @throws {UnsupportedAlgorithm}
   */
  commit(expected: Expected = {}): Committed {
    if (this.#isOtherAlgorithm(expected) || this.#elsewhere !== undefined) this.readBack();
    const committed = this.#check(expected);
    fsyncSync(this.#place.descriptor);
    this.#publish(committed.digest);
    return committed;
  }

  /** The same for servers: the wait for the disk blocks nobody else, nor does that for a hash. */
  async commitAsync(expected: Expected = {}): Promise<Committed> {
    if (this.#isOtherAlgorithm(expected)) {
      await this.#elsewhere?.end();
      this.#elsewhere = undefined;
      await this.readBackAsync();
    }
    const committed = this.#check(expected, await this.#elsewhere?.digest(this.#offset));
    await process.getBuiltinModule("node:util").promisify(fsync)(this.#place.descriptor);
    const target = this.#place.blobPath(committed.digest);
    try {
      await promises().rename(join(this.#place.folder, DATA), target);
      await this.#place.syncFolder(dirname(target));
    } catch (error) {
      throw writeError(error, dirname(target));
    }
    await this.abortAsync();
    return committed;
  }

  /** Reads what is here already, for whoever cannot wait for the rest. @returns how many bytes it was */
  readAt(target: Uint8Array, position: number): number {
    this.#mustBeOpen();
    const length = Math.max(Math.min(target.length, this.#offset - position), 0);
    return readSync(this.#place.descriptor, target, 0, length, position);
  }

  /** Forgets everything. */
  abort(): void {
    this.#close(() => removeIngest(this.#place.folder));
  }

  /** The same for servers: to free a large file's blocks takes a while. */
  async abortAsync(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { descriptor, folder, ownership } = this.#place;
    await this.#elsewhere?.end();
    await process.getBuiltinModule("node:util").promisify(close)(descriptor);
    const aside = asideOf(folder);
    try {
      const { rename, rm } = promises();
      await rename(folder, aside);
      await rm(aside, { recursive: true, force: true });
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    } finally {
      ownership[Symbol.dispose]();
    }
  }

  /** Leaves what is here to a later `resumeIngest`. */
  suspend(): void {
    this.#close(() => undefined);
  }

  [Symbol.dispose](): void {
    if (this.#isOpen) this.abort();
  }

  /** A registry may learn the algorithm when the upload ends: then the bytes are hashed once more. */
  #isOtherAlgorithm(expected: Expected): boolean {
    this.#mustBeOpen();
    const algorithm = algorithmFor(expected, this.#algorithm);
    if (algorithm === this.#algorithm) return false;
    this.#algorithm = algorithm;
    return true;
  }

  *#readBack(upTo: number): Generator<void, void, void> {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    // Behind a hole there may be more, which is kept.
    const segments = readSegments(this.#place.folder);
    const end = segments === undefined ? upTo : Math.min(upTo, orderedBytes(segments));
    this.#offset = 0;
    this.#hash = hasherFor(this.#algorithm);
    for (;;) {
      const wanted = Math.min(chunk.length, end - this.#offset);
      const length = wanted <= 0 ? 0 : readSync(this.#place.descriptor, chunk, 0, wanted, this.#offset);
      if (length === 0) break;
      this.#hash.update(chunk.subarray(0, length));
      this.#offset += length;
      yield;
    }
    if (segments === undefined) ftruncateSync(this.#place.descriptor, this.#offset);
  }

  /** Counts and hashes what is in the file by now. */
  #take(chunk: Uint8Array): void {
    this.#offset += chunk.length;
    if (this.#elsewhere === undefined && this.#offset > SMALL_BYTES)
      this.#elsewhere = this.#place.hasher?.begin(this.#place.descriptor, this.#algorithm);
    if (this.#elsewhere === undefined) {
      this.#hash.update(chunk);
      return;
    }
    if (this.#offset - this.#told < TOLD_BYTES) return;
    this.#told = this.#offset;
    this.#elsewhere.advance(this.#offset);
  }

  #check(expected: Expected, hash = this.#hash.copy().digest("hex")): Committed {
    for (const { size } of [this.#expected, expected])
      if (size !== undefined && size !== this.#offset) throw this.#sizeMismatch(size, 0);
    const digest = `${this.#algorithm}:${hash}` as Digest;
    for (const wanted of [this.#expected.digest, expected.digest])
      if (wanted !== undefined && wanted !== digest)
        throw new DigestMismatch({ expected: wanted, actual: digest });
    return { digest, size: this.#offset };
  }

  #publish(digest: Digest): void {
    const target = this.#place.blobPath(digest);
    try {
      renameSync(join(this.#place.folder, DATA), target);
      syncFolder(dirname(target));
    } catch (error) {
      throw writeError(error, dirname(target));
    }
    this.abort();
  }

  #close(then: () => void): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { descriptor, ownership } = this.#place;
    const close = (): void => {
      closeSync(descriptor);
      try {
        then();
      } finally {
        ownership[Symbol.dispose]();
      }
    };
    if (this.#elsewhere === undefined) {
      close();
      return;
    }
    // Closed sooner, its number could be another file's, and that be read. What cannot be removed then is pruned some day, as a killed process's is.
    this.#elsewhere
      .end()
      .then(close)
      .catch(() => undefined);
  }

  #sizeMismatch(expected: number, more: number): SizeMismatch {
    return new SizeMismatch({
      name: this.#expected.digest ?? this.id,
      expected,
      actual: this.#offset + more,
    });
  }

  #mustBeOpen(): void {
    if (!this.#isOpen) throw new IngestClosed({ id: this.id });
  }
}

/** Removes an ingest's folder. Its lock is ours, and goes with it. */
export function removeIngest(folder: string): void {
  const aside = moveAside(folder);
  if (aside !== undefined) rmSync(aside, { recursive: true, force: true });
}

/**
 * Takes away an ingest's folder in one step: were it emptied where it is, the lock would go first, and whoever took it next would lose what
 * they put there. The new name is that of an ingest too, which is pruned if we die here.
 */
function moveAside(folder: string): string | undefined {
  const aside = asideOf(folder);
  try {
    renameSync(folder, aside);
    return aside;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function asideOf(folder: string): string {
  return join(dirname(folder), crypto.randomUUID());
}

/** The file in an ingest's folder that becomes the blob. */
export const DATA = "data";
/** The file beside it that names the process that writes. */
export const OWNER = "owner";
