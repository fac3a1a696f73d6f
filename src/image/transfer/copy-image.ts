/**
 * Copies an image from one place to another, byte for byte: every digest stays, unless another format is asked for. What refers
 * goes after what it refers to, and the root last, so that the destination never shows less than everything. Blobs pass as
 * streams, several at once, and are held to size and digest on the way; what is there already is not sent.
 */
import { forEachParallel, Unsupported } from "../../base/index.ts";
import type { Descriptor, Digest, Platform } from "../../spec/index.ts";
import { checked } from "./checked.ts";
import { type CollectedDocument, type CollectedImage, Collector } from "./collect.ts";
import { convertImage, type ImageFormat } from "./convert.ts";
import { DigestWouldChange } from "./errors.ts";
import type { ImageDestination, ImageSource } from "./place.ts";
import { type BlobSource, isPackedAnew, type Recompression, recompressImage } from "./recompress.ts";

/** What is copied and how. */
export interface CopyOptions {
  /** The image of an index for this platform; absent: all of them, and the index. */
  readonly platform?: Platform | undefined;
  /** Whether the index is named at the destination, though it has only the image of `platform` there, as after a pull. */
  readonly isIndexKept?: boolean;
  /** Absent: as it is. */
  readonly format?: ImageFormat | undefined;
  /** How layers shall be packed; absent: as they are. */
  readonly recompression?: Recompression | undefined;
  /** Whether another digest is an error. */
  readonly isSameDigestRequired?: boolean;
  /** Whether what refers to the image comes along. */
  readonly hasReferrers?: boolean;
  /** Blobs at once. */
  readonly parallel?: number | undefined;
  /** Asked, with the digests from the source's root to the image, before anything is written; what it throws ends the copy. */
  readonly admit?: (digests: readonly Digest[]) => Promise<void>;
  readonly onEvent?: (event: CopyEvent) => void;
  readonly signal?: AbortSignal;
}

/** What happens to one blob. Events of different blobs interleave. */
export type CopyEvent =
  /** The destination has it, or takes it from elsewhere: nothing is sent. */
  | { readonly kind: "present"; readonly blob: Descriptor }
  | { readonly kind: "begun"; readonly blob: Descriptor; readonly offset: number }
  | { readonly kind: "moved"; readonly blob: Descriptor; readonly offset: number }
  | { readonly kind: "done"; readonly blob: Descriptor };

/** What the destination has now. */
export interface CopiedImage {
  /** The image, or the index. */
  readonly root: Descriptor;
  /** Blobs by what became of them. */
  readonly sent: number;
  readonly mounted: number;
  readonly present: number;
  readonly sentBytes: number;
  /** Manifests that came along because they refer to it. */
  readonly referrers: readonly Descriptor[];
}

/** skopeo's number. */
const PARALLEL_BLOBS = 6;

/** Copies what `source` means to `destination`, and names it there. */
export async function copyImage(
  source: ImageSource,
  destination: ImageDestination,
  options: CopyOptions,
): Promise<CopiedImage> {
  const { signal } = options;
  const list = options.hasReferrers ? referrersOf(source, destination) : undefined;
  const collector = new Collector(source, signal);
  const { chosen, chain } = await choose(collector, options.platform);
  await options.admit?.(chain.map(({ descriptor }) => descriptor.digest));
  const found = await collector.collect(chosen);
  const { recompression } = options;
  // Before everything is packed.
  if (recompression !== undefined && isPackedAnew(found, recompression.to)) refuseOtherDigest(found, options);
  const packed =
    recompression === undefined
      ? { image: found, source }
      : await recompressImage(found, source, recompression, signal);
  const image = options.format === undefined ? packed.image : convertImage(packed.image, options.format);
  if (image.root !== found.root) refuseOtherDigest(found, options);
  destination.admit?.(image.root.descriptor, image.documents);
  const referrers = list === undefined ? [] : await collector.referrers(found.documents, list);
  const moving = new Moving(packed.source, destination, options.onEvent ?? (() => undefined));
  const blobs = [image, ...referrers].flatMap((one) => one.blobs);
  await forEachParallel(blobs, options.parallel ?? PARALLEL_BLOBS, signal, (blob, either) =>
    moving.move(blob, either),
  );
  for (const one of image.documents)
    if (one.descriptor.digest !== image.root.descriptor.digest) await destination.writeDocument(one, signal);
  for (const { root, documents } of referrers)
    for (const one of documents)
      await (one === root ? destination.writeReferrer : destination.writeDocument)?.call(
        destination,
        one,
        signal,
      );
  // From the chosen image back to what leads to it.
  const above = options.isIndexKept && image === found ? chain.slice(0, -1).reverse() : [];
  const root = above.pop() ?? image.root;
  if (root !== image.root)
    for (const one of [image.root, ...above]) await destination.writeDocument(one, signal);
  await destination.commit(root, signal);
  return {
    root: root.descriptor,
    ...moving.counts,
    referrers: referrers.map(({ root }) => root.descriptor),
  };
}

async function choose(
  collector: Collector,
  platform: Platform | undefined,
): Promise<{ chosen: CollectedDocument; chain: readonly CollectedDocument[] }> {
  const root = await collector.root();
  const chain = platform === undefined ? [root] : await collector.walk(root, platform);
  return { chosen: chain.at(-1) ?? root, chain };
}

function referrersOf(
  source: ImageSource,
  destination: ImageDestination,
): NonNullable<ImageSource["referrers"]> {
  const lacking =
    source.referrers === undefined
      ? source.name
      : destination.writeReferrer === undefined
        ? destination.name
        : undefined;
  if (lacking !== undefined || source.referrers === undefined)
    throw new Unsupported({ what: `--referrers with ${lacking}`, why: "such a place keeps no referrers" });
  return source.referrers.bind(source);
}

function refuseOtherDigest(
  { root: { descriptor } }: CollectedImage,
  { format, recompression, isSameDigestRequired, hasReferrers }: CopyOptions,
): void {
  const flag = recompression === undefined ? `--format ${format}` : "another compression";
  if (isSameDigestRequired)
    throw new DigestWouldChange({
      digest: descriptor.digest,
      why: `${flag} makes it another image`,
    });
  if (hasReferrers)
    throw new Unsupported({
      what: `--referrers with ${flag}`,
      why: "they refer to the image as it is",
    });
}

/** Moves blobs, and counts them. */
class Moving {
  readonly #source: BlobSource;
  readonly #destination: ImageDestination;
  readonly #tell: (event: CopyEvent) => void;
  #sent = 0;
  #mounted = 0;
  #present = 0;
  #sentBytes = 0;

  constructor(source: BlobSource, destination: ImageDestination, tell: (event: CopyEvent) => void) {
    this.#source = source;
    this.#destination = destination;
    this.#tell = tell;
  }

  get counts(): Pick<CopiedImage, "sent" | "mounted" | "present" | "sentBytes"> {
    return {
      sent: this.#sent,
      mounted: this.#mounted,
      present: this.#present,
      sentBytes: this.#sentBytes,
    };
  }

  async move(blob: Descriptor, signal: AbortSignal): Promise<void> {
    if (await this.#destination.hasBlob(blob, signal)) this.#present += 1;
    else if (await this.#destination.mountBlob?.(blob, signal)) this.#mounted += 1;
    else if (await this.#link(blob)) this.#mounted += 1;
    else return await this.#send(blob, signal);
    this.#tell({ kind: "present", blob });
  }

  async #link(blob: Descriptor): Promise<boolean> {
    const file = this.#source.blobFile?.(blob);
    return file !== undefined && (await this.#destination.linkBlob?.(blob, file)) === true;
  }

  async #send(blob: Descriptor, signal: AbortSignal): Promise<void> {
    // What breaks the source is told as that, and not as what a server makes of a body that ends; nor is it worth another attempt.
    const broken = new AbortController();
    const either = AbortSignal.any([signal, broken.signal]);
    try {
      await this.#destination.writeBlob(blob, () => this.#open(blob, broken, signal), either);
    } catch (error) {
      broken.signal.throwIfAborted();
      throw error;
    }
    this.#sent += 1;
    this.#sentBytes += blob.size;
    this.#tell({ kind: "done", blob });
  }

  /** Aborts `broken` with what the source fails with. */
  async *#open(
    blob: Descriptor,
    broken: AbortController,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, void> {
    let offset = 0;
    this.#tell({ kind: "begun", blob, offset });
    try {
      const bytes = this.#source.readBlob(blob, signal);
      for await (const chunk of this.#destination.isChecking ? bytes : checked(bytes, blob)) {
        signal.throwIfAborted();
        offset += chunk.byteLength;
        yield chunk;
        this.#tell({ kind: "moved", blob, offset });
      }
    } catch (error) {
      broken.abort(error);
      throw error;
    }
  }
}
