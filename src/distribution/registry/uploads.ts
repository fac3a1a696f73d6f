/**
 * Upload sessions: who may go on writing where, and until when.
 * An id is a random UUID that works only in the repository where it was begun, for whom it was begun; one request at a time
 * writes to it. A session costs no file before its first byte, outlives the process, and ends when it is left alone too long.
 * Source: distribution-spec spec.md, Pushing a blob in chunks, Cancel a blob upload.
 */
import { randomUUID } from "node:crypto";
import { hasCode } from "../../base/index.ts";
import type { Ingest, SupportedAlgorithm } from "../../content/index.ts";
import type { Digest, RepositoryName } from "../../spec/index.ts";
import { Refusal } from "./refusal.ts";
import { discardChunk } from "./request-body.ts";
import type { UploadRecord } from "./storage/metadata.ts";
import type { Storage } from "./storage/storage.ts";

/** Bounds on what strangers may leave lying about. */
export interface UploadLimits {
  /** A session that nobody touched for so long is forgotten. */
  readonly idleMs: number;
  /** More sessions than this are not opened. */
  readonly maxSessions: number;
}

/** A day for a slow client to come back; as many sessions as no honest crowd has. */
export const DEFAULT_UPLOAD_LIMITS: UploadLimits = { idleMs: 24 * 60 * 60 * 1000, maxSessions: 2_000 };

/** Where a session is, and whose. */
export interface UploadKey {
  readonly repository: RepositoryName;
  readonly owner: string;
  readonly id: string;
}

interface Session extends UploadRecord {
  readonly algorithm: SupportedAlgorithm;
  /** Undefined before the first byte. */
  ingest: Ingest | undefined;
  /** Another process began it: what it wrote is not read back yet. */
  isSuspended: boolean;
  lastUsed: number;
  isBusy: boolean;
}

/** All uploads under way at one registry. */
export class Uploads {
  readonly #storage: Storage;
  readonly #limits: UploadLimits;
  readonly #sessions = new Map<string, Session>();

  private constructor(storage: Storage, limits: UploadLimits) {
    this.#storage = storage;
    this.#limits = limits;
  }

  /** Takes up the sessions that an earlier process left, and removes bytes that belong to none. */
  static open(storage: Storage, limits: UploadLimits): Uploads {
    const uploads = new Uploads(storage, limits);
    const left = new Map(storage.content.ingests().map((ingest) => [ingest.id, ingest]));
    for (const record of storage.metadata.uploads()) {
      const lastUsed = left.get(record.id)?.updatedAtMs ?? record.beganAtMs;
      const state = { algorithm: "sha256", ingest: undefined, isSuspended: true, isBusy: false } as const;
      uploads.#sessions.set(record.id, { ...record, ...state, lastUsed });
      left.delete(record.id);
    }
    for (const id of left.keys()) storage.content.discardIngest(id);
    return uploads;
  }

  /** How many there are. */
  get count(): number {
    return this.#sessions.size;
  }

  /** Opens a session. @throws {Refusal} TOOMANYREQUESTS */
  begin(repository: RepositoryName, owner: string, algorithm: SupportedAlgorithm = "sha256"): UploadKey {
    if (this.#sessions.size >= this.#limits.maxSessions)
      throw new Refusal("TOOMANYREQUESTS", {
        message: "too many uploads under way",
        headers: { "retry-after": "60" },
      });
    const record = { id: randomUUID(), repository, owner, beganAtMs: Date.now() };
    const state = { ingest: undefined, isSuspended: false, isBusy: false, lastUsed: Date.now() };
    this.#storage.metadata.beginUpload(record);
    this.#sessions.set(record.id, { ...record, algorithm, ...state });
    return record;
  }

  /** How many bytes a session has. @throws {Refusal} BLOB_UPLOAD_UNKNOWN */
  async offset(key: UploadKey): Promise<number> {
    const session = this.#find(key);
    // While somebody writes, what is there is known.
    if (session.isBusy || !session.isSuspended) return session.ingest?.offset ?? 0;
    return await this.#alone(key, async () => session.ingest?.offset ?? 0);
  }

  /**
   * Appends `chunks`, which it takes over, and which belong at `start` if that is known. What arrives before a connection breaks is kept; when
   * it cannot be written (a full disk), the session is gone and its bytes with it.
   * @returns how many bytes the session has now
   * @throws {Refusal} RANGE_INVALID nothing was written; BLOB_UPLOAD_UNKNOWN; BLOB_UPLOAD_INVALID
   */
  async append(
    key: UploadKey,
    start: number | undefined,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<number> {
    return await this.#alone(key, async (session) => await this.#write(session, start, chunks));
  }

  /**
   * Appends the last `chunks` and makes the whole visible as `digest`. A session whose content is wrong is gone, since
   * more bytes cannot mend it; one whose last chunk is out of order stays.
   * @returns the size
   * @throws {Refusal} as `append()` does, and DIGEST_INVALID
   */
  async finish(
    key: UploadKey,
    digest: Digest,
    start: number | undefined,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<number> {
    return await this.#alone(key, async (session) => {
      await this.#write(session, start, chunks);
      this.#end(session);
      const ingest = session.ingest ?? this.#storage.content.ingest();
      try {
        const { size } = await ingest.commitAsync({ digest });
        return size;
      } finally {
        await ingest.abortAsync();
      }
    });
  }

  /** Forgets a session and its bytes. @throws {Refusal} BLOB_UPLOAD_UNKNOWN */
  async cancel(key: UploadKey): Promise<void> {
    await this.#alone(key, (session) => this.#forget(session));
  }

  /** Forgets the sessions that nobody touched for too long. */
  async expire(now: number): Promise<void> {
    for (const session of this.#sessions.values())
      if (!session.isBusy && now - session.lastUsed > this.#limits.idleMs) await this.#forget(session);
  }

  /** Leaves all sessions to the process that opens the registry next. */
  close(): void {
    for (const { ingest } of this.#sessions.values()) ingest?.suspend();
    this.#sessions.clear();
  }

  #find({ repository, owner, id }: UploadKey): Session {
    const session = this.#sessions.get(id);
    // Whether the id exists elsewhere is nobody's business here.
    if (session?.repository !== repository || session.owner !== owner)
      throw new Refusal("BLOB_UPLOAD_UNKNOWN", { detail: { upload: id } });
    session.lastUsed = Date.now();
    return session;
  }

  async #alone<T>(key: UploadKey, task: (session: Session) => Promise<T>): Promise<T> {
    const session = this.#find(key);
    if (session.isBusy)
      throw new Refusal("BLOB_UPLOAD_INVALID", {
        status: 409,
        message: "another request is writing to this upload",
      });
    session.isBusy = true;
    try {
      if (session.isSuspended) await this.#resume(session);
      return await task(session);
    } finally {
      session.isBusy = false;
      session.lastUsed = Date.now();
    }
  }

  async #resume(session: Session): Promise<void> {
    try {
      session.ingest = await this.#storage.content.resumeIngestAsync(session.id);
    } catch (error) {
      if (!hasCode(error, "ingest-not-found")) throw error; // else no byte had come
    }
    session.isSuspended = false;
  }

  async #write(
    session: Session,
    start: number | undefined,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<number> {
    const offset = session.ingest?.offset ?? 0;
    if (start !== undefined && start !== offset)
      throw new Refusal("RANGE_INVALID", {
        message: `the next chunk begins at ${offset}`,
        headers: { range: rangeOf(offset) },
      });
    for await (const chunk of chunks) {
      try {
        const { id, algorithm } = session;
        session.ingest ??= this.#storage.content.ingest({ id, algorithm });
        session.ingest.write(chunk);
        discardChunk(chunk);
      } catch (error) {
        await this.#forget(session);
        throw error;
      }
    }
    return session.ingest?.offset ?? 0;
  }

  async #forget(session: Session): Promise<void> {
    this.#end(session);
    if (session.ingest !== undefined) await session.ingest.abortAsync();
    else if (session.isSuspended) this.#storage.content.discardIngest(session.id);
  }

  #end({ id }: Session): void {
    this.#sessions.delete(id);
    this.#storage.metadata.endUpload(id);
  }
}

/** The `Range` header of an upload with `offset` bytes. Nothing stored has no better spelling than `0-0`. */
export function rangeOf(offset: number): string {
  return `0-${Math.max(offset - 1, 0)}`;
}
