/**
 * A blob that comes from an upstream: one download, written to the store and read by whoever wants it meanwhile, each at his
 * own speed, from the file. The last byte is given out when the whole has been checked, so nobody gets all of a wrong blob.
 */
import { setImmediate as yieldToOthers } from "node:timers/promises";
import { messageOf, TeuError } from "../../../base/index.ts";
import type { Ingest } from "../../../content/index.ts";
import type { Digest, RepositoryName } from "../../../spec/index.ts";
import type { Storage } from "../storage/storage.ts";
import { release } from "../upkeep/sweep.ts";

const CHUNK_BYTES = 256 << 10;
const TURN_BYTES = 1 << 20;

/** The upstream's blob did not come, or is not what its digest says. */
export class FillFailed extends TeuError<"cache-fill-failed", { digest: Digest; reason: string }> {
  constructor(context: { digest: Digest; reason: string }, cause: unknown) {
    super(
      "cache-fill-failed",
      "unavailable",
      context,
      `Cannot fetch blob ${context.digest} from upstream: ${context.reason}`,
      { cause },
    );
  }
}

/** One download. */
export class Fill {
  readonly digest: Digest;
  readonly size: number;
  /** Kept when the repository holds the blob, or broken. */
  readonly done: Promise<void>;
  readonly #storage: Storage;
  readonly #signal: AbortSignal;
  readonly #onError: (error: unknown) => void;
  /** Those who were let in and have not ended. */
  #readers = 0;
  /** Why the repository does not hold what is in the store. */
  #unkept: FillFailed | undefined;
  #ingest: Ingest | undefined;
  #state: "filling" | "done" | FillFailed = "filling";
  #progress = Promise.withResolvers<void>();

  /** @param signal  Ends it, as it ends `chunks`. @param onError  Told of what is our failure and not the upstream's. */
  constructor(
    storage: Storage,
    repository: RepositoryName,
    { digest, size }: { digest: Digest; size: number },
    chunks: AsyncIterable<Uint8Array>,
    { signal, onError }: { signal: AbortSignal; onError: (error: unknown) => void },
  ) {
    this.#storage = storage;
    this.#signal = signal;
    this.#onError = onError;
    this.digest = digest;
    this.size = size;
    this.done = this.#run(repository, chunks);
  }

  /**
   * Bytes `start` to before `end`, as they come. Waits for the first of all, so that an upstream that does not answer is an
   * answer of ours. @throws {FillFailed}
   */
  async open(start: number, end: number): Promise<AsyncGenerator<Uint8Array, void, void>> {
    while (this.#state === "filling" && (this.#ingest?.offset ?? 0) === 0) await this.#progress.promise;
    if (this.#state instanceof FillFailed) throw this.#state;
    this.#readers += 1;
    return this.#readAndLeave(start, end);
  }

  /** Who never asks for a byte never leaves: content that is not kept is then left to the collector. */
  async *#readAndLeave(start: number, end: number): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* this.#read(start, end);
    } finally {
      this.#readers -= 1;
      await this.#letGo();
    }
  }

  async *#read(start: number, end: number): AsyncGenerator<Uint8Array, void, void> {
    let position = start;
    let sinceTurn = 0;
    while (position < end) {
      if (this.#state instanceof FillFailed) throw this.#state;
      if (this.#state === "done") {
        yield* this.#storage.content.readStream(this.digest, { start: position, end });
        return;
      }
      const ready = Math.min(this.#ingest?.offset ?? 0, this.size - 1, end);
      if (ready <= position) {
        await this.#progress.promise;
        continue;
      }
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, ready - position));
      const length = this.#ingest?.readAt(chunk, position) ?? 0;
      position += length;
      sinceTurn += length;
      yield chunk.subarray(0, length);
      if (sinceTurn < TURN_BYTES) continue;
      sinceTurn = 0;
      await yieldToOthers();
    }
  }

  async #run(repository: RepositoryName, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { metadata, pins } = this.#storage;
    const { digest, size } = this;
    {
      using _pin = pins.hold(digest);
      await this.#download(chunks);
      try {
        return await metadata.linkBlob(repository, digest, size);
      } catch (error) {
        this.#onError(error);
        this.#unkept = new FillFailed({ digest, reason: messageOf(error) }, error);
      }
    }
    await this.#letGo();
    throw this.#unkept;
  }

  async #download(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { digest, size } = this;
    try {
      using ingest = this.#storage.content.ingest({ expected: { digest, size } });
      this.#ingest = ingest;
      let sinceTurn = 0;
      for await (const chunk of chunks) {
        this.#signal.throwIfAborted();
        ingest.write(chunk);
        this.#tell();
        sinceTurn += chunk.byteLength;
        if (sinceTurn < TURN_BYTES) continue;
        sinceTurn = 0;
        await yieldToOthers();
      }
      // Its end closes it: who reads waits for that, and goes on from the store.
      this.#ingest = undefined;
      await ingest.commitAsync();
      this.#state = "done";
    } catch (error) {
      this.#state = new FillFailed({ digest, reason: messageOf(error) }, error);
      throw this.#state;
    } finally {
      this.#ingest = undefined;
      this.#tell();
    }
  }

  /** Gives content back that the repository could not keep, when those who read it have ended: it was checked, so they get it. */
  async #letGo(): Promise<void> {
    // At the end of the process the storage closes: the next one's collector finds it.
    if (this.#unkept === undefined || this.#readers > 0 || this.#signal.aborted) return;
    this.#state = this.#unkept;
    await release(this.#storage, this.digest).catch(this.#onError);
  }

  #tell(): void {
    this.#progress.resolve();
    this.#progress = Promise.withResolvers();
  }
}
