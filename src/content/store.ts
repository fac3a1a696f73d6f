/**
 * The content store: an OCI image layout on disk that several processes use at once. Blobs are named by their digest and
 * never change; they become visible whole and checked, or not at all. Calls are synchronous, since a small file from the
 * page cache takes less time than a promise; only what waits for the disk has a form for servers (`commitAsync`).
 * Source: image-spec image-layout.md.
 */
import {
  close,
  mkdirSync,
  opendirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmdirSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { join, resolve } from "node:path";
import {
  type Digest,
  digestAlgorithm,
  digestOf,
  IMAGE_LAYOUT_VERSION,
  isDigest,
  isSupportedAlgorithm,
  parseImageLayout,
} from "../spec/index.ts";
import { blobPath, blobStats, isRealFolder, type OpenBlob, openBlobFile } from "./blob-file.ts";
import type { BlobStore, Expected, IngestOptions, IngestStatus, SupportedAlgorithm } from "./blob-store.ts";
import { blobStream } from "./blob-stream.ts";
import { createFile, syncFolder } from "./durable.ts";
import {
  BlobTooLarge,
  DigestMismatch,
  errnoOf,
  IngestInUse,
  IngestNotFound,
  InvalidIngestID,
  InvalidLayout,
  UnsupportedAlgorithm,
  writeError,
} from "./errors.ts";
import type { FileHasher } from "./file-hasher.ts";
import { GroupSync } from "./group-sync.ts";
import { EMPTY_INDEX, IndexFile } from "./index-file.ts";
import { algorithmFor, DATA, Ingest, OWNER, removeIngest } from "./ingest.ts";
import { linkBlob } from "./link.ts";
import { isLocked, tryLock } from "./owner-lock.ts";
import { readSegments, receivedBytes } from "./segments.ts";

/** One store; cheap to open, holds no descriptor and needs no closing. */
export class ContentStore implements BlobStore {
  readonly root: string;
  /** `index.json`: what the layout names. */
  readonly index: IndexFile;
  readonly #realFolders = new Set<string>();
  readonly #folderSyncs = new Map<string, GroupSync>();
  readonly #hasher: FileHasher | undefined;

  private constructor(root: string, hasher: FileHasher | undefined) {
    this.root = root;
    this.#hasher = hasher;
    this.index = new IndexFile(root);
  }

  /**
   * Opens the store at `root`, making it where there is nothing yet. @param hasher  Of large ingests.
   * @throws {InvalidLayout} there is something else
   */
  static open(root: string, hasher?: FileHasher): ContentStore {
    const store = new ContentStore(resolve(root), hasher);
    const marker = readMarker(store.root);
    if (marker === undefined) create(store.root);
    else checkMarker(store.root, marker);
    if (!isRealFolder(join(store.root, "blobs"))) mkdirSync(join(store.root, "blobs"), { recursive: true });
    return store;
  }

  /** Whether the blob is here. */
  has(digest: Digest): boolean {
    return blobStats(this.path(digest)) !== undefined;
  }

  /** The blob's size, undefined if it is not here. */
  stat(digest: Digest): { size: number } | undefined {
    const stats = blobStats(this.path(digest));
    return stats === undefined ? undefined : { size: stats.size };
  }

  /** The blob's file, whether or not it is here; for sendfile and the like, after `stat`. */
  path(digest: Digest): string {
    this.#requireRealFolder(digestAlgorithm(digest));
    return blobPath(this.root, digest);
  }

  /** Opens the blob. The caller disposes of it. @throws {BlobNotFound} */
  openBlob(digest: Digest): OpenBlob {
    return openBlobFile(this.path(digest), digest);
  }

  /** All of a small blob, its digest checked. @throws {BlobNotFound} @throws {BlobTooLarge} @throws {DigestMismatch} */
  readBytes(digest: Digest, maxBytes: number): Uint8Array {
    const algorithm = digestAlgorithm(digest);
    if (!isSupportedAlgorithm(algorithm)) throw new UnsupportedAlgorithm({ algorithm });
    using blob = this.openBlob(digest);
    if (blob.size > maxBytes) throw new BlobTooLarge({ digest, size: blob.size, maxBytes });
    const bytes = Buffer.alloc(blob.size);
    let length = 0;
    for (let more = -1; more !== 0 && length < bytes.length; length += more)
      more = readSync(blob.descriptor, bytes, length, bytes.length - length, length);
    const actual = digestOf(bytes.subarray(0, length), algorithm);
    if (actual !== digest) throw new DigestMismatch({ expected: digest, actual });
    return bytes;
  }

  /**
   * The blob's bytes from `start` to before `end`, as they are on disk: whoever needs more trust hashes them on the way.
   * Reads when pulled, 1 MiB at a time. @throws {BlobNotFound} at once, not in the stream
   */
  readStream(digest: Digest, range: { start?: number; end?: number } = {}): ReadableStream<Uint8Array> {
    const blob = this.openBlob(digest);
    const end = Math.min(range.end ?? blob.size, blob.size);
    return blobStream(blob, Math.min(range.start ?? 0, end), end);
  }

  /** Removes the blob; readers that have it open go on. @returns whether it was here */
  delete(digest: Digest): boolean {
    try {
      unlinkSync(this.path(digest));
      return true;
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return false;
      throw error;
    }
  }

  /** The same for servers: it is gone when the call returns, its blocks are freed by the time the promise is kept. */
  async deleteAsync(digest: Digest): Promise<boolean> {
    let descriptor: number;
    try {
      // The kernel frees a file when the last descriptor closes, which a large one takes long for.
      descriptor = openSync(this.path(digest), "r");
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return false;
      throw error;
    }
    const isDeleted = this.delete(digest);
    await process.getBuiltinModule("node:util").promisify(close)(descriptor);
    return isDeleted;
  }

  /** Every blob's digest, in no order; files with other names are passed over. */
  *digests(): Generator<Digest> {
    for (const algorithm of readdirSync(join(this.root, "blobs"))) {
      const folder = join(this.root, "blobs", algorithm);
      if (!isRealFolder(folder)) continue;
      using entries = opendirSync(folder);
      for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
        const digest = `${algorithm}:${entry.name}`;
        if (entry.isFile() && isDigest(digest)) yield digest;
      }
    }
  }

  /**
   * Takes in the blob that `file` of another store holds, which nobody ever changes, by a second name of the same file: no byte is
   * copied. @returns whether it did; not where file systems differ, there is no such file, or it holds something else
   */
  async link(expected: { readonly digest: Digest; readonly size: number }, file: string): Promise<boolean> {
    return await linkBlob(file, expected, this.#newBlobPath(expected.digest));
  }

  /** Begins to take content in. @throws {IngestInUse} the id is taken @throws {UnsupportedAlgorithm} */
  ingest(options: IngestOptions = {}): Ingest {
    const id = options.id ?? crypto.randomUUID();
    const folder = this.#ingestFolder(id);
    const algorithm = algorithmFor(options.expected ?? {}, options.algorithm ?? "sha256");
    try {
      this.#makeIngestFolder(folder);
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw writeError(error, this.root);
      throw new IngestInUse({ id, why: isLocked(join(folder, OWNER)) ? "owned" : "exists" });
    }
    return this.#openIngest(id, "wx+", options.expected ?? {}, algorithm);
  }

  /**
   * Goes on with an ingest that was suspended, or whose process died: what is there is hashed again.
   * @throws {IngestNotFound} @throws {IngestInUse} a living process writes it
   */
  resumeIngest(id: string, options: Omit<IngestOptions, "id"> = {}): Ingest {
    const algorithm = algorithmFor(options.expected ?? {}, options.algorithm ?? "sha256");
    const ingest = this.#openIngest(id, "r+", options.expected ?? {}, algorithm);
    ingest.readBack(options.expected?.size);
    return ingest;
  }

  /** The same for servers: the bytes are hashed without holding up the event loop. */
  async resumeIngestAsync(id: string, options: Omit<IngestOptions, "id"> = {}): Promise<Ingest> {
    const algorithm = algorithmFor(options.expected ?? {}, options.algorithm ?? "sha256");
    const ingest = this.#openIngest(id, "r+", options.expected ?? {}, algorithm);
    await ingest.readBackAsync(options.expected?.size);
    return ingest;
  }

  /** What is being taken in, or was left behind. */
  ingests(): IngestStatus[] {
    const found: IngestStatus[] = [];
    for (const name of namesIn(join(this.root, INGESTS))) {
      const folder = join(this.root, INGESTS, name);
      // The data's time, or the folder's where a process died before it made the file.
      const data = statSync(join(folder, DATA), { throwIfNoEntry: false });
      const updated = data ?? statSync(folder, { throwIfNoEntry: false });
      if (updated === undefined) continue; // it ended while we looked
      const isOwned = isLocked(join(folder, OWNER));
      const segments = readSegments(folder);
      found.push({
        id: decodeURIComponent(name),
        offset: segments === undefined ? (data?.size ?? 0) : receivedBytes(segments),
        updatedAtMs: updated.mtimeMs,
        isOwned,
      });
    }
    return found;
  }

  /** Removes ingests that nobody alive writes and that are older than `olderThanMs`. @returns their ids */
  pruneIngests(olderThanMs: number): string[] {
    const before = Date.now() - olderThanMs;
    const pruned: string[] = [];
    for (const { id, updatedAtMs, isOwned } of this.ingests())
      if (!isOwned && updatedAtMs <= before && this.discardIngest(id)) pruned.push(id);
    return pruned;
  }

  /** Leaves no trace of ingests, where none is under way: for layouts that are handed on. */
  tidy(): void {
    try {
      rmdirSync(join(this.root, INGESTS));
    } catch (error) {
      if (errnoOf(error) !== "ENOENT" && errnoOf(error) !== "ENOTEMPTY") throw error;
    }
  }

  /** Removes an ingest, if it is here, nobody alive writes it and there is room for the lock that it takes. @returns whether it did */
  discardIngest(id: string): boolean {
    const folder = this.#ingestFolder(id);
    try {
      // Taken like a writer, so that nobody resumes what we remove.
      using ownership = tryLock(join(folder, OWNER));
      if (ownership === undefined) return false;
      removeIngest(folder);
      return true;
    } catch (error) {
      if (errnoOf(error) === "ENOENT" || writeError(error, folder) !== error) return false;
      throw error;
    }
  }

  #openIngest(id: string, flags: "wx+" | "r+", expected: Expected, algorithm: SupportedAlgorithm): Ingest {
    const folder = this.#ingestFolder(id);
    const ownership = this.#own(id, folder);
    if (ownership === undefined) throw new IngestInUse({ id, why: "owned" });
    try {
      const descriptor = openSync(join(folder, DATA), flags, 0o644);
      return new Ingest(
        id,
        {
          folder,
          descriptor,
          ownership,
          hasher: this.#hasher,
          blobPath: (digest) => this.#newBlobPath(digest),
          syncFolder: (blobs) => this.#syncFolder(blobs),
        },
        expected,
        algorithm,
      );
    } catch (error) {
      ownership[Symbol.dispose]();
      throw errnoOf(error) === "ENOENT" ? new IngestNotFound({ id }) : writeError(error, this.root);
    }
  }

  #own(id: string, folder: string): Disposable | undefined {
    try {
      return tryLock(join(folder, OWNER));
    } catch (error) {
      throw errnoOf(error) === "ENOENT" ? new IngestNotFound({ id }) : writeError(error, this.root);
    }
  }

  /** Whoever tidies may take `ingest/` away between the two calls: then once more. */
  #makeIngestFolder(folder: string): void {
    for (;;) {
      mkdirSync(join(this.root, INGESTS), { recursive: true });
      try {
        mkdirSync(folder);
        return;
      } catch (error) {
        if (errnoOf(error) !== "ENOENT") throw error;
      }
    }
  }

  #ingestFolder(id: string): string {
    if (!INGEST_ID.test(id)) throw new InvalidIngestID({ id });
    return join(this.root, INGESTS, encodeURIComponent(id));
  }

  #newBlobPath(digest: Digest): string {
    const folder = join(this.root, "blobs", digestAlgorithm(digest));
    if (!isRealFolder(folder)) {
      mkdirSync(folder, { recursive: true });
      syncFolder(join(this.root, "blobs"));
    }
    return blobPath(this.root, digest);
  }

  /** Blobs that come in together share the sync of their folder. */
  async #syncFolder(folder: string): Promise<void> {
    let group = this.#folderSyncs.get(folder);
    if (group === undefined) {
      group = new GroupSync(async () => {
        await using handle = await process.getBuiltinModule("node:fs/promises").open(folder, "r");
        await handle.sync();
      });
      this.#folderSyncs.set(folder, group);
    }
    await group.wait();
  }

  #requireRealFolder(algorithm: string): void {
    if (this.#realFolders.has(algorithm)) return;
    if (isRealFolder(join(this.root, "blobs", algorithm))) this.#realFolders.add(algorithm);
  }
}

/** Not of the specification, which tolerates further files in a layout. */
const INGESTS = "ingest";
const INGEST_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,199}$/;

function readMarker(root: string): string | undefined {
  try {
    return readFileSync(join(root, "oci-layout"), "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function checkMarker(path: string, text: string): void {
  try {
    parseImageLayout(text);
  } catch (error) {
    throw new InvalidLayout({ path, why: "its oci-layout file is not one" }, { cause: error });
  }
}

/** Two processes may do this at once; `oci-layout` comes last, so whoever sees it sees a whole layout. */
function create(root: string): void {
  try {
    mkdirSync(join(root, "blobs", "sha256"), { recursive: true });
    createFile(join(root, "index.json"), EMPTY_INDEX);
    createFile(join(root, "oci-layout"), JSON.stringify({ imageLayoutVersion: IMAGE_LAYOUT_VERSION }));
    syncFolder(join(root, "blobs"));
  } catch (error) {
    throw writeError(error, root);
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}
