/**
 * Layers as they are stored → the tar within: gzip (of several members too), zstd or nothing, told by the first bytes,
 * since media types lie. Memory is bounded: 1 MiB pieces, and no zstd window beyond what every reader must support.
 * Source: RFC 1952, 2.2; RFC 8878, 3.1.1.1.2 (8 MiB is what one should read, 128 MiB what zstd's own tools do).
 */
import type { Gunzip, Gzip, ZstdCompress, ZstdDecompress } from "node:zlib";
import { TeuError, Unsupported } from "../base/index.ts";
import type { LayerCompression } from "../spec/index.ts";

/** Loaded when something is unpacked or packed: they take six milliseconds, and whoever starts a container does neither. */
const zlibModule = () => process.getBuiltinModule("node:zlib");

/** Bytes that come in pieces. Whoever reads them is done with one when asking for the next. */
export type ByteSource = AsyncIterable<Uint8Array>;

/** The compressed bytes are damaged or end too early. */
export class InvalidCompression extends TeuError<"invalid-compression", { compression: LayerCompression }> {
  constructor(context: { compression: LayerCompression }, options: { cause: unknown }) {
    super(
      "invalid-compression",
      "data-loss",
      context,
      `Cannot decompress ${context.compression}: its data is damaged`,
      options,
    );
  }
}

/** 2.7 times as fast as the default of 16 kB. */
const CHUNK_BYTES = 1 << 20;
const MAX_WINDOW_LOG = 27;
const MAGIC_BYTES = 4;

/** How bytes that begin with `head` are packed. */
export function detectCompression(head: Uint8Array): LayerCompression {
  const [a, b, c, d] = head;
  if (a === 0x1f && b === 0x8b) return "gzip";
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return "zstd";
  // A skippable frame: zstd:chunked images may begin with one.
  if (a !== undefined && (a & 0xf0) === 0x50 && b === 0x2a && c === 0x4d && d === 0x18) return "zstd";
  return "none";
}

/**
 * The uncompressed bytes of `source`, read as they are asked for; leaving early closes `source`. @throws {InvalidCompression}
 * @param passing  Whether a chunk is of no use when the next is asked for: its memory is then free at once, and the kernel need not find and clear
 * other pages for each megabyte, which takes longer than to hash it.
 */
export async function* decompress(source: ByteSource, passing = false): AsyncGenerator<Buffer> {
  const iterator = source[Symbol.asyncIterator]();
  const { head, rest } = await peek(iterator);
  const compression = detectCompression(head);
  if (compression === "none") {
    for await (const chunk of rest) yield asBuffer(chunk);
    return;
  }
  const decoder =
    compression === "gzip" ? zlibModule().createGunzip({ chunkSize: CHUNK_BYTES }) : zstdDecoder();
  let sourceError: unknown;
  pump(rest, decoder).catch((error: unknown) => {
    sourceError = error;
    decoder.destroy(error instanceof Error ? error : undefined);
  });
  try {
    for await (const chunk of decoder) {
      yield chunk as Buffer;
      if (passing) free(chunk as Buffer);
    }
    // Zeros after the last gzip member, tape padding, end the decoder before the source: gzip itself ignores them too.
    if (sourceError !== undefined) throw sourceError;
  } catch (error) {
    throw (
      sourceError ?? (isZlibError(error) ? new InvalidCompression({ compression }, { cause: error }) : error)
    );
  } finally {
    // Which ends the pump, and that closes the source, once it has brought what it was asked for last.
    decoder.destroy();
  }
}

/** Puts all of `source` into `decoder`, one piece after the other; leaves early when the decoder takes no more. */
async function pump(source: ByteSource, decoder: Gunzip | ZstdDecompress): Promise<void> {
  for await (const chunk of source) if (!(await isTaken(decoder, chunk))) return;
  decoder.end();
}

/** Waits until the decoder has read `chunk`. @returns false: it will not, and says why to who reads from it */
function isTaken(decoder: Gunzip | ZstdDecompress, chunk: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    const closed = (): void => resolve(false);
    decoder.once("close", closed);
    decoder.write(chunk, (error) => {
      decoder.off("close", closed);
      resolve(error === undefined || error === null);
    });
  });
}

/** Gives the memory of a decoder's chunk back, unless the decoder still writes to it: it fills one piece to its end, then takes another. */
function free({ buffer, byteOffset, byteLength }: Buffer): void {
  if (byteLength > 0 && byteOffset + byteLength === buffer.byteLength && buffer instanceof ArrayBuffer)
    buffer.transfer?.(0); // not before Node 21
}

/** `bytes` packed as `compression`, always the same bytes for the same input and zlib. */
export function compressor(compression: Exclude<LayerCompression, "none">): Gzip | ZstdCompress {
  const zlib = zlibModule();
  if (compression === "gzip") return zlib.createGzip({ chunkSize: CHUNK_BYTES });
  if (typeof zlib.createZstdCompress !== "function") throw noZstd();
  return zlib.createZstdCompress({ chunkSize: CHUNK_BYTES });
}

function zstdDecoder(): ZstdDecompress {
  const zlib = zlibModule();
  if (typeof zlib.createZstdDecompress !== "function") throw noZstd();
  return zlib.createZstdDecompress({
    chunkSize: CHUNK_BYTES,
    params: { [zlib.constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG },
  });
}

function noZstd(): Unsupported {
  return new Unsupported({ what: "zstd", why: "this version of Node has no zstd" });
}

/** The first bytes, and all bytes again. */
export async function peek(
  iterator: AsyncIterator<Uint8Array>,
): Promise<{ head: Uint8Array; rest: ByteSource }> {
  let head: Uint8Array = new Uint8Array(0);
  let isDone = false;
  while (!isDone && head.length < MAGIC_BYTES) {
    const next = await iterator.next();
    isDone = next.done === true;
    if (next.done !== true) head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  async function* rest(): AsyncGenerator<Uint8Array> {
    try {
      if (head.length > 0) yield head;
      while (!isDone) {
        const next = await iterator.next();
        if (next.done === true) isDone = true;
        else yield next.value;
      }
    } finally {
      if (!isDone) await iterator.return?.();
    }
  }
  return { head, rest: rest() };
}

function isZlibError(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return /^(Z_|ZSTD_|ERR_ZLIB|ERR_ZSTD|ERR_STREAM_PREMATURE_CLOSE)/.test(code);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
