/**
 * A blob that comes from an upstream: one download, written to the store and read by whoever wants it meanwhile, each at his
 * own speed, from the file. The last byte is given out when the whole has been checked, so nobody gets all of a wrong blob.
 */
import { setImmediate as yieldToOthers } from "node:timers/promises";
import { messageOf, TeuError } from "../../../base/index.ts";
import type { Ingest } from "../../../content/index.ts";
import type { Digest, RepositoryName } from "../../../spec/index.ts";
import type { Storage } from "../storage/storage.ts";

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
  /** Kept when the blob is in the store, or broken. */
  readonly done: Promise<void>;
  readonly #storage: Storage;
  #ingest: Ingest | undefined;
  #state: "filling" | "done" | FillFailed = "filling";
  #progress = Promise.withResolvers<void>();

  constructor(
    storage: Storage,
    repository: RepositoryName,
    { digest, size }: { digest: Digest; size: number },
    chunks: AsyncIterable<Uint8Array>,
  ) {
    this.#storage = storage;
    this.digest = digest;
    this.size = size;
    this.done = this.#run(repository, chunks);
  }

  /** Waits for the first bytes, so that an upstream that does not answer is an answer of ours. @throws {FillFailed} */
  async begun(): Promise<void> {
    while (this.#state === "filling" && (this.#ingest?.offset ?? 0) === 0) await this.#progress.promise;
    if (this.#state instanceof FillFailed) throw this.#state;
  }

  /** Bytes `start` to before `end`, as they come. */
  async *read(start: number, end: number): AsyncGenerator<Uint8Array, void, void> {
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
    const { content, metadata, pins } = this.#storage;
    const { digest, size } = this;
    using _pin = pins.hold(digest);
    try {
      using ingest = content.ingest({ expected: { digest, size } });
      this.#ingest = ingest;
      let sinceTurn = 0;
      for await (const chunk of chunks) {
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
      this.#tell();
      await metadata.linkBlob(repository, digest, size);
    } catch (error) {
      const failure = new FillFailed({ digest, reason: messageOf(error) }, error);
      // What was checked can be read, also where it could not be kept.
      if (this.#state !== "done") this.#state = failure;
      throw failure;
    } finally {
      this.#ingest = undefined;
      this.#tell();
    }
  }

  #tell(): void {
    this.#progress.resolve();
    this.#progress = Promise.withResolvers();
  }
}
