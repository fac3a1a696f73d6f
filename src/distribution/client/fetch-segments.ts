/**
 * Gets a large blob over several connections, each for a part of it: a registry, or the store behind it, often gives each connection so much a second.
 * What was there when a process was killed stays, for each part. A registry that sends no parts is asked for all in one, as ever.
 * Source: RFC 9110 section 14, range requests.
 */
import { forEachParallel } from "../../base/index.ts";
import type { Ingest, Segment, SegmentWriter } from "../../content/index.ts";
import type { Descriptor } from "../../spec/index.ts";
import { RangesIgnored } from "./blob-read.ts";
import type { RegistryClient } from "./client.ts";
import { RegistryRefused } from "./errors.ts";
import { Pace } from "./pace.ts";
import type { BlobEvent } from "./progress.ts";

/** Below it one connection is done before others have begun. */
export const LARGE_BYTES: number = 32 << 20;
const SEGMENTS = 16;
const LEAST_SEGMENT_BYTES = 8 << 20;
const MOST_SEGMENT_BYTES = 64 << 20;
const PARALLEL_SEGMENTS = 4;

/** Gets what `ingest` lacks of `blob`, if that is much. @returns false: the rest, from the ingest's offset on, has to come in one */
export async function fetchSegments(
  client: RegistryClient,
  ingest: Ingest,
  blob: Descriptor,
  tell: (event: BlobEvent) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const lacking = blob.size - ingest.offset;
  if (!ingest.hasSegments && (lacking < LARGE_BYTES || client.connections.ignoresRanges)) return false;
  const even = Math.ceil(lacking / SEGMENTS);
  using writer = ingest.segments(Math.min(Math.max(even, LEAST_SEGMENT_BYTES), MOST_SEGMENT_BYTES));
  try {
    await new Segments(client, blob, writer, tell).fetch(signal);
    await writer.settle();
    return true;
  } catch (error) {
    if (!(error instanceof RangesIgnored || error instanceof RegistryRefused)) throw error;
    if (error instanceof RangesIgnored) client.connections.ignoresRanges = true;
    await writer.abandon();
    return false;
  }
}

class Segments {
  readonly #client: RegistryClient;
  readonly #blob: Descriptor;
  readonly #writer: SegmentWriter;
  readonly #tell: (event: BlobEvent) => void;
  readonly #pace = new Pace();

  constructor(
    client: RegistryClient,
    blob: Descriptor,
    writer: SegmentWriter,
    tell: (event: BlobEvent) => void,
  ) {
    this.#client = client;
    this.#blob = blob;
    this.#writer = writer;
    this.#tell = tell;
  }

  /** One connection at first: its answer says whether there are parts, and how it goes whether others would bring more. */
  async fetch(signal: AbortSignal): Promise<void> {
    const missing = this.#writer.segments.filter(({ from, to, received }) => from + received < to);
    const queue = missing.values();
    const lead = async (either: AbortSignal): Promise<void> => {
      using _connection = this.#client.connections.enter();
      try {
        for (const segment of queue) await this.#fetch(segment, either, this.#pace);
      } finally {
        this.#pace.end();
      }
    };
    const follow = async (either: AbortSignal): Promise<void> => {
      await this.#pace.isSlow;
      for (const segment of queue) {
        either.throwIfAborted();
        using _connection = await this.#client.connections.enterWhenFree(either);
        await this.#fetch(segment, either);
      }
    };
    const all = [lead, ...Array.from({ length: PARALLEL_SEGMENTS - 1 }, () => follow)];
    await forEachParallel(all, PARALLEL_SEGMENTS, signal, (work, either) => work(either));
  }

  async #fetch(segment: Segment, signal: AbortSignal, pace?: Pace): Promise<void> {
    const range = { from: segment.from + segment.received, to: segment.to };
    pace?.wait();
    for await (const chunk of this.#client.readRange(this.#blob, range, signal)) {
      pace?.hear(chunk.byteLength);
      this.#writer.write(segment, chunk);
      this.#tell({ kind: "moved", blob: this.#blob, offset: this.#writer.received });
      pace?.wait();
    }
  }
}
