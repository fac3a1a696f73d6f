/**
 * Upload sessions: who may go on writing where, and until when.
 * An id is a random UUID that works only in the repository where it was begun; one request at a time writes to it.
 * A session costs no file before its first byte, and the bytes of one that is left alone are removed after a while.
 * Source: distribution-spec spec.md, Pushing a blob in chunks, Cancel a blob upload.
 */
import { randomUUID } from "node:crypto";
import type { ContentStore, Ingest } from "../../content/index.ts";
import type { Digest, RepositoryName } from "../../spec/index.ts";
import { Refusal } from "./refusal.ts";

/** Bounds on what strangers may leave lying about. */
export interface UploadLimits {
  /** A session that nobody touched for so long is forgotten. */
  readonly idleMs: number;
  /** More sessions than this are not opened. */
  readonly maxSessions: number;
}

/** A day for a slow client to come back; as many sessions as no honest crowd has. */
export const DEFAULT_UPLOAD_LIMITS: UploadLimits = { idleMs: 24 * 60 * 60 * 1000, maxSessions: 2_000 };

interface Session {
  readonly repository: RepositoryName;
  ingest: Ingest | undefined;
  lastUsed: number;
  busy: boolean;
}

/** All uploads under way at one registry. */
export class Uploads {
  readonly #content: ContentStore;
  readonly #limits: UploadLimits;
  readonly #sessions = new Map<string, Session>();

  constructor(content: ContentStore, limits: UploadLimits) {
    this.#content = content;
    this.#limits = limits;
  }

  /** Opens a session. @throws {Refusal} TOOMANYREQUESTS */
  begin(repository: RepositoryName): string {
    if (this.#sessions.size >= this.#limits.maxSessions)
      throw new Refusal("TOOMANYREQUESTS", {
        message: "too many uploads under way",
        headers: { "retry-after": "60" },
      });
    const id = randomUUID();
    this.#sessions.set(id, { repository, ingest: undefined, lastUsed: Date.now(), busy: false });
    return id;
  }

  /** How many bytes a session has. @throws {Refusal} BLOB_UPLOAD_UNKNOWN */
  offset(repository: RepositoryName, id: string): number {
    return this.#find(repository, id).ingest?.offset ?? 0;
  }

  /**
   * Appends `chunks`, which belong at `start` if that is known. What arrives before a connection breaks is kept; when
   * it cannot be written (a full disk), the session is gone and its bytes with it.
   * @returns how many bytes the session has now
   * @throws {Refusal} RANGE_INVALID nothing was written; BLOB_UPLOAD_UNKNOWN; BLOB_UPLOAD_INVALID
   */
  async append(
    repository: RepositoryName,
    id: string,
    start: number | undefined,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<number> {
    return await this.#alone(
      repository,
      id,
      async (session) => await this.#write(id, session, start, chunks),
    );
  }

  /**
   * Appends the last `chunks` and makes the whole visible as `digest`. A session whose content is wrong is gone, since
   * more bytes cannot mend it; one whose last chunk is out of order stays.
   * @throws {Refusal} as `append()` does, and DIGEST_INVALID
   */
  async finish(
    repository: RepositoryName,
    id: string,
    digest: Digest,
    start: number | undefined,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    await this.#alone(repository, id, async (session) => {
      await this.#write(id, session, start, chunks);
      this.#sessions.delete(id);
      using ingest = session.ingest ?? this.#content.ingest();
      await ingest.commitAsync({ digest });
    });
  }

  /** Forgets a session and its bytes. @throws {Refusal} BLOB_UPLOAD_UNKNOWN */
  async cancel(repository: RepositoryName, id: string): Promise<void> {
    await this.#alone(repository, id, async (session) => this.#forget(id, session));
  }

  /** Forgets the sessions that nobody touched for too long. */
  expire(now: number): void {
    for (const [id, session] of this.#sessions)
      if (!session.busy && now - session.lastUsed > this.#limits.idleMs) this.#forget(id, session);
  }

  /** Forgets all sessions: the registry is closing. */
  close(): void {
    for (const [id, session] of this.#sessions) this.#forget(id, session);
  }

  #find(repository: RepositoryName, id: string): Session {
    const session = this.#sessions.get(id);
    // Whether the id exists elsewhere is nobody's business here.
    if (session?.repository !== repository)
      throw new Refusal("BLOB_UPLOAD_UNKNOWN", { detail: { upload: id } });
    session.lastUsed = Date.now();
    return session;
  }

  async #alone<T>(
    repository: RepositoryName,
    id: string,
    task: (session: Session) => Promise<T>,
  ): Promise<T> {
    const session = this.#find(repository, id);
    if (session.busy)
      throw new Refusal("BLOB_UPLOAD_INVALID", {
        status: 409,
        message: "another request is writing to this upload",
      });
    session.busy = true;
    try {
      return await task(session);
    } finally {
      session.busy = false;
      session.lastUsed = Date.now();
    }
  }

  async #write(
    id: string,
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
        session.ingest ??= this.#content.ingest();
        session.ingest.write(chunk);
      } catch (error) {
        this.#forget(id, session);
        throw error;
      }
    }
    return session.ingest?.offset ?? 0;
  }

  #forget(id: string, session: Session): void {
    this.#sessions.delete(id);
    session.ingest?.abort();
  }
}

/** The `Range` header of an upload with `offset` bytes. Nothing stored has no better spelling than `0-0`. */
export function rangeOf(offset: number): string {
  return `0-${Math.max(offset - 1, 0)}`;
}
