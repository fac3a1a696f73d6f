/**
 * A blob that arrives at several places at once: its file has holes until all of it is here, and beside the file stands how much of each segment
 * is. A process that goes on where another was killed keeps that; what is in the file is hashed all the same before it is believed.
 */
import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { writeWhole } from "./durable.ts";
import { errnoOf, SizeMismatch, writeError } from "./errors.ts";
import type { Ingest } from "./ingest.ts";
import { yieldToOthers } from "./yield.ts";

/** A part of a blob. `received` of its bytes are here, from its beginning on. */
export interface Segment {
  readonly index: number;
  readonly from: number;
  /** The first byte that is no longer its own. */
  readonly to: number;
  received: number;
}

/** What the file beside says: float64s, in the machine's own order, since no other machine reads it. */
interface Layout {
  readonly base: number;
  readonly segmentBytes: number;
  readonly size: number;
}

const FILE = "segments";
const HEAD = 3;
const WORD = 8;
/** How often it is written down how much is here. */
const NOTED_BYTES = 1 << 20;
const MAX_SEGMENTS = 4096;

/** The segments of the blob in the ingest of `folder`; undefined: it comes in order. */
export function readSegments(folder: string): readonly Segment[] | undefined {
  return read(folder)?.segments;
}

/** How many bytes are here from the blob's beginning on, without a hole. */
export function orderedBytes(segments: readonly Segment[]): number {
  const broken = segments.find(({ from, to, received }) => from + received < to) ?? segments.at(-1);
  return broken === undefined ? 0 : broken.from + broken.received;
}

/** How many bytes are here in all. */
export function receivedBytes(segments: readonly Segment[]): number {
  return segments.reduce((sum, { received }) => sum + received, segments[0]?.from ?? 0);
}

function read(folder: string): { layout: Layout; segments: Segment[] } | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(join(folder, FILE));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
  if (bytes.byteLength < HEAD * WORD || bytes.byteLength > (HEAD + MAX_SEGMENTS) * WORD) return undefined;
  const words = new Float64Array(new Uint8Array(bytes).buffer, 0, Math.floor(bytes.byteLength / WORD));
  const [base = -1, segmentBytes = -1, size = -1] = words;
  const isSound = [base, segmentBytes, size].every(Number.isSafeInteger) && base >= 0 && segmentBytes > 0;
  if (!isSound || size <= base || (size - base) / segmentBytes > MAX_SEGMENTS) return undefined;
  const segments = divide({ base, segmentBytes, size });
  for (const segment of segments) {
    const stated = words[HEAD + segment.index] ?? 0;
    if (Number.isSafeInteger(stated) && stated >= 0)
      segment.received = Math.min(stated, segment.to - segment.from);
  }
  return { layout: { base, segmentBytes, size }, segments };
}

function divide({ base, segmentBytes, size }: Layout): Segment[] {
  return Array.from({ length: Math.ceil((size - base) / segmentBytes) }, (_, index) => {
    const from = base + index * segmentBytes;
    return { index, from, to: Math.min(from + segmentBytes, size), received: 0 };
  });
}

/** Writes the segments of one ingest, and hashes them in their order as far as there is no hole. Disposing closes the file beside, which stays. */
export class SegmentWriter implements Disposable {
  readonly segments: readonly Segment[];
  /** Whether an earlier process has brought some of it. */
  readonly isResumed: boolean;
  readonly #ingest: Ingest;
  readonly #folder: string;
  readonly #record: number;
  #noted: number[];
  #hashing: Promise<void> | undefined;

  /** Of what `ingest` lacks of `size` bytes, in segments of about `segmentBytes`; those that are there already stay as they are. */
  constructor(ingest: Ingest, folder: string, size: number, segmentBytes: number) {
    this.#ingest = ingest;
    this.#folder = folder;
    const found = read(folder);
    const known = found?.layout.size === size ? found : undefined;
    this.isResumed = known !== undefined;
    const least = Math.ceil((size - ingest.offset) / MAX_SEGMENTS);
    const layout = known?.layout ?? {
      base: ingest.offset,
      segmentBytes: Math.max(segmentBytes, least),
      size,
    };
    this.segments = known?.segments ?? divide(layout);
    this.#noted = this.segments.map(({ received }) => received);
    try {
      this.#record = openSync(join(folder, FILE), known === undefined ? "w" : "r+", 0o600);
      if (known === undefined)
        this.#write(0, [layout.base, layout.segmentBytes, layout.size, ...this.#noted]);
    } catch (error) {
      throw writeError(error, dirname(dirname(folder)));
    }
  }

  /** How many bytes are here in all. */
  get received(): number {
    return receivedBytes(this.segments);
  }

  /** Appends to what is here of `segment`; `chunk` may be used again at once. */
  write(segment: Segment, chunk: Uint8Array): void {
    const position = segment.from + segment.received;
    if (position + chunk.byteLength > segment.to)
      throw new RangeError(`segment ${segment.index} ends at ${segment.to}`);
    // What comes in order is hashed while it is at hand.
    if (position === this.#ingest.offset) this.#ingest.write(chunk);
    else this.#ingest.writeAhead(chunk, position);
    segment.received += chunk.byteLength;
    const isWhole = position + chunk.byteLength === segment.to;
    if (isWhole || segment.received - (this.#noted[segment.index] ?? 0) >= NOTED_BYTES) this.#note(segment);
    if (isWhole) this.#begin();
  }

  /** Waits until all that is here without a hole is hashed. */
  async settle(): Promise<void> {
    await this.#begin();
    // That one may have looked before the last byte came.
    await this.#begin();
    const [expected, actual] = [orderedBytes(this.segments), this.#ingest.offset];
    // The file lacks what was written down as there: a power cut does that.
    if (actual < expected) throw new SizeMismatch({ name: this.#ingest.id, expected, actual });
  }

  /** Forgets what came out of order: from here on the rest comes in order, by the ingest itself. */
  async abandon(): Promise<void> {
    await this.settle();
    rmSync(join(this.#folder, FILE), { force: true });
    this.#ingest.forgetAhead();
  }

  #begin(): Promise<void> {
    if (this.#hashing !== undefined) return this.#hashing;
    const hashing = this.#hash().finally(() => {
      this.#hashing = undefined;
    });
    hashing.catch(() => undefined); // settle() begins again, and tells
    this.#hashing = hashing;
    return hashing;
  }

  /** Reads what was written ahead and hashes it; after each chunk others get their turn. */
  async #hash(): Promise<void> {
    while (this.#ingest.advance(orderedBytes(this.segments)) > 0) await yieldToOthers();
  }

  #note({ index, received }: Segment): void {
    this.#noted[index] = received;
    try {
      this.#write(HEAD + index, [received]);
    } catch (error) {
      throw writeError(error, dirname(dirname(this.#folder)));
    }
  }

  #write(word: number, values: readonly number[]): void {
    writeWhole(this.#record, new Uint8Array(Float64Array.from(values).buffer), word * WORD);
  }

  [Symbol.dispose](): void {
    closeSync(this.#record);
  }
}
