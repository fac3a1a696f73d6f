/**
 * Unpacks one layer in one pass: decompressed, hashed and written as it comes. Source: image-spec layer.md.
 * Hot path: pull to unpacked; its benchmark is bench/unpack.ts.
 */
import { setImmediate as yieldToOthers } from "node:timers/promises";
import { type DiffID, digestAlgorithm, hasherFor, isSupportedAlgorithm } from "../spec/index.ts";
import { type ByteSource, decompress } from "./compression.ts";
import { DiffIDMismatch, LayerTooLarge } from "./errors.ts";
import type { LayerFiles } from "./layer-files.ts";
import { type LayerLimits, LayerWriter, type Unsettled } from "./layer-writer.ts";
import { TarReader } from "./tar/reader.ts";

/** How a layer is applied. */
export interface ApplyOptions {
  readonly files: LayerFiles;
  /**
   * `overlay`: the target is empty and becomes an overlayfs layer of its own, whatever lies below.
   * `plain`: the target holds the layers below, and is changed.
   */
  readonly mode: "overlay" | "plain";
  /** What the image's config says the layer unpacks to. */
  readonly diffID?: DiffID | undefined;
  readonly limits?: LayerLimits;
  /** `none` for users who may not change owners and make devices. Default `restore`. */
  readonly ownership?: "restore" | "none" | "ours";
  /** See `LayerWriterOptions`. */
  readonly isLiteral?: boolean;
  /** Whether to return only when all of it is on disk. Default true; false where the caller syncs once for many. */
  readonly sync?: boolean;
}

/** A layer that lies in its target. Plain data: it may come from another process as JSON. */
export interface AppliedLayer {
  readonly diffID: DiffID;
  /** Of the uncompressed tar. */
  readonly size: number;
  /** Members of the tar. */
  readonly entries: number;
  /** The layers below do not show at all: leave them out of the mount. Overlay only. */
  readonly hidesLower: boolean;
  /** What `settleLayer` must do before the layer is mounted on others. Overlay only. */
  readonly unsettled: Unsettled;
  /** What could not be kept, for people. */
  readonly warnings: readonly string[];
}

/** Beyond any layer that people have, and within what a disk has. */
export const DEFAULT_LIMITS: LayerLimits = { maxBytes: 64 * 2 ** 30, maxEntries: 5_000_000 };

/**
 * Applies the layer that `source` holds, compressed or not, to the directory `target`. After an error the target holds a part:
 * the caller removes it. Reads `source` to its end, so a stream that verifies itself does so.
 * @throws {DiffIDMismatch} @throws {InvalidArchive} @throws {InvalidLayer} @throws {InvalidCompression}
 * @throws {LayerTooLarge} @throws {LayerFileFailed} e.g. kind `exhausted` for a full disk
 */
export async function applyLayer(
  source: ByteSource,
  target: string,
  options: ApplyOptions,
  signal?: AbortSignal,
): Promise<AppliedLayer> {
  const { files, mode, diffID: wanted, limits = DEFAULT_LIMITS, ownership = "restore" } = options;
  const { isLiteral = false } = options;
  const algorithm = wanted === undefined ? "sha256" : digestAlgorithm(wanted);
  const hash = hasherFor(isSupportedAlgorithm(algorithm) ? algorithm : "sha256");
  using writer = new LayerWriter(target, { files, mode, limits, ownership, isLiteral });
  const reader = new TarReader(writer);
  let size = 0;
  for await (const chunk of decompress(source, true)) {
    if (signal !== undefined) {
      // A file that is not compressed never waits: whoever would abort gets a turn here.
      await yieldToOthers();
      signal.throwIfAborted();
    }
    hash.update(chunk);
    size += chunk.length;
    // Headers cost bytes too, which no file's size counts.
    if (size > limits.maxBytes + limits.maxEntries * 2048)
      throw new LayerTooLarge({ what: "bytes", limit: limits.maxBytes });
    reader.write(chunk);
  }
  reader.end();
  const diffID = `${isSupportedAlgorithm(algorithm) ? algorithm : "sha256"}:${hash.digest("hex")}` as DiffID;
  if (wanted !== undefined && diffID !== wanted)
    throw new DiffIDMismatch({ expected: wanted, actual: diffID });
  writer.finish();
  if (options.sync ?? true) writer.sync();
  const { entries, hidesLower, unsettled, warnings } = writer;
  return { diffID, size, entries, hidesLower, unsettled, warnings };
}
