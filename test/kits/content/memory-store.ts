/** Blobs in memory: the plainest store there is, so that the suite asks for nothing that only a disk has. */
import { randomUUID } from "node:crypto";
import {
  type BlobIngest,
  BlobNotFound,
  type BlobStore,
  BlobTooLarge,
  type Committed,
  DigestMismatch,
  type Expected,
  IngestClosed,
  IngestInUse,
  IngestNotFound,
  type IngestOptions,
  type IngestStatus,
  InvalidIngestID,
  SizeMismatch,
  type SupportedAlgorithm,
  UnsupportedAlgorithm,
} from "../../../src/content/index.ts";
import { type Digest, digestAlgorithm, digestOf, isSupportedAlgorithm } from "../../../src/spec/index.ts";

/** One ingest, open or left behind. */
interface Draft {
  bytes: Buffer;
  updatedAtMs: number;
  isOwned: boolean;
}

const INGEST_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,199}$/;

function algorithmOf(expected: Expected, otherwise: SupportedAlgorithm): SupportedAlgorithm {
  if (expected.digest === undefined) return otherwise;
  const algorithm = digestAlgorithm(expected.digest);
  if (!isSupportedAlgorithm(algorithm)) throw new UnsupportedAlgorithm({ algorithm });
  return algorithm;
}

/** See the file's head. */
export class MemoryStore implements BlobStore {
  readonly #blobs = new Map<Digest, Buffer>();
  readonly #drafts = new Map<string, Draft>();

  has(digest: Digest): boolean {
    return this.#blobs.has(digest);
  }

  stat(digest: Digest): { size: number } | undefined {
    const bytes = this.#blobs.get(digest);
    return bytes === undefined ? undefined : { size: bytes.length };
  }

  readBytes(digest: Digest, maxBytes: number): Uint8Array {
    const bytes = this.#get(digest);
    if (bytes.length > maxBytes) throw new BlobTooLarge({ digest, size: bytes.length, maxBytes });
    return Uint8Array.from(bytes);
  }

  readStream(digest: Digest, range: { start?: number; end?: number } = {}): ReadableStream<Uint8Array> {
    const chunk = Uint8Array.from(this.#get(digest).subarray(range.start ?? 0, range.end));
    return new ReadableStream({
      start(controller) {
        if (chunk.length > 0) controller.enqueue(chunk);
        controller.close();
      },
    });
  }

  delete(digest: Digest): boolean {
    return this.#blobs.delete(digest);
  }

  async deleteAsync(digest: Digest): Promise<boolean> {
    return this.delete(digest);
  }

  digests(): Iterable<Digest> {
    return this.#blobs.keys();
  }

  ingest({ id = randomUUID(), expected = {}, algorithm = "sha256" }: IngestOptions = {}): BlobIngest {
    if (!INGEST_ID.test(id)) throw new InvalidIngestID({ id });
    const hashed = algorithmOf(expected, algorithm);
    const other = this.#drafts.get(id);
    if (other !== undefined) throw new IngestInUse({ id, why: other.isOwned ? "owned" : "exists" });
    const draft: Draft = { bytes: Buffer.alloc(0), updatedAtMs: Date.now(), isOwned: true };
    this.#drafts.set(id, draft);
    return this.#open(id, draft, expected, hashed);
  }

  resumeIngest(id: string, { expected = {}, algorithm = "sha256" }: IngestOptions = {}): BlobIngest {
    const draft = this.#drafts.get(id);
    if (draft === undefined) throw new IngestNotFound({ id });
    if (draft.isOwned) throw new IngestInUse({ id, why: "owned" });
    draft.isOwned = true;
    draft.bytes = draft.bytes.subarray(0, expected.size);
    return this.#open(id, draft, expected, algorithmOf(expected, algorithm));
  }

  async resumeIngestAsync(id: string, options: IngestOptions = {}): Promise<BlobIngest> {
    return this.resumeIngest(id, options);
  }

  ingests(): IngestStatus[] {
    return [...this.#drafts].map(([id, { bytes, updatedAtMs, isOwned }]) => ({
      id,
      offset: bytes.length,
      updatedAtMs,
      isOwned,
    }));
  }

  pruneIngests(olderThanMs: number): string[] {
    const before = Date.now() - olderThanMs;
    const old = this.ingests().filter(({ updatedAtMs }) => updatedAtMs <= before);
    return old.flatMap(({ id }) => (this.discardIngest(id) ? [id] : []));
  }

  discardIngest(id: string): boolean {
    return this.#drafts.get(id)?.isOwned === false && this.#drafts.delete(id);
  }

  #get(digest: Digest): Buffer {
    const bytes = this.#blobs.get(digest);
    if (bytes === undefined) throw new BlobNotFound({ digest });
    return bytes;
  }

  #open(id: string, draft: Draft, expected: Expected, algorithm: SupportedAlgorithm): BlobIngest {
    return new MemoryIngest(id, draft, expected, {
      algorithm,
      end: () => this.#drafts.delete(id),
      publish: (digest) => this.#blobs.set(digest, draft.bytes),
    });
  }
}

interface Ending {
  readonly algorithm: SupportedAlgorithm;
  readonly end: () => void;
  readonly publish: (digest: Digest) => void;
}

class MemoryIngest implements BlobIngest {
  readonly id: string;
  readonly #draft: Draft;
  readonly #expected: Expected;
  readonly #ending: Ending;
  #isOpen = true;

  constructor(id: string, draft: Draft, expected: Expected, ending: Ending) {
    this.id = id;
    this.#draft = draft;
    this.#expected = expected;
    this.#ending = ending;
  }

  get offset(): number {
    return this.#draft.bytes.length;
  }

  write(chunk: Uint8Array): void {
    this.#mustBeOpen();
    const { size } = this.#expected;
    const actual = this.offset + chunk.length;
    if (size !== undefined && actual > size) throw this.#sizeMismatch(size, actual);
    this.#draft.bytes = Buffer.concat([this.#draft.bytes, chunk]);
    this.#draft.updatedAtMs = Date.now();
  }

  readAt(target: Uint8Array, position: number): number {
    this.#mustBeOpen();
    const here = this.#draft.bytes.subarray(position, position + target.length);
    target.set(here);
    return here.length;
  }

  commit(expected: Expected = {}): Committed {
    this.#mustBeOpen();
    const digest = digestOf(this.#draft.bytes, algorithmOf(expected, this.#ending.algorithm));
    for (const wanted of [this.#expected, expected]) {
      if (wanted.size !== undefined && wanted.size !== this.offset)
        throw this.#sizeMismatch(wanted.size, this.offset);
      if (wanted.digest !== undefined && wanted.digest !== digest)
        throw new DigestMismatch({ expected: wanted.digest, actual: digest });
    }
    this.#ending.publish(digest);
    this.abort();
    return { digest, size: this.offset };
  }

  async commitAsync(expected: Expected = {}): Promise<Committed> {
    return this.commit(expected);
  }

  abort(): void {
    if (this.#isOpen) this.#ending.end();
    this.#isOpen = false;
  }

  async abortAsync(): Promise<void> {
    this.abort();
  }

  suspend(): void {
    if (this.#isOpen) this.#draft.isOwned = false;
    this.#isOpen = false;
  }

  [Symbol.dispose](): void {
    this.abort();
  }

  #sizeMismatch(expected: number, actual: number): SizeMismatch {
    return new SizeMismatch({ name: this.#expected.digest ?? this.id, expected, actual });
  }

  #mustBeOpen(): void {
    if (!this.#isOpen) throw new IngestClosed({ id: this.id });
  }
}
