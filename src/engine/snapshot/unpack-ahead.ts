/**
 * Unpacks an image while it is still coming: a layer that is here need not wait for those that are not. The pull waits for the network and the disk
 * most of the time, and what unpacking wants is the processor. Nothing becomes a snapshot before all layers are here, verified and on disk.
 */
import type { BlobEvent } from "../../distribution/client/index.ts";
import { type Image, imageOf } from "../../image/index.ts";
import { type Descriptor, type Digest, MAX_CONFIG_BYTES, type Manifest } from "../../spec/index.ts";
import type { PullFollower } from "../image/pull.ts";
import type { Store } from "../store/store.ts";
import type { Arrived } from "./unpack.ts";
import { isWorthProcesses } from "./unpack-missing.ts";

/** Unpacks an image; `arrived` waits for a layer of it. */
type Unpack<T> = (image: Image, signal: AbortSignal, arrived: Arrived) => Promise<T>;

/** Hears of one pull. Disposing ends what is under way, and waits for that. */
export class UnpackAhead<T> implements PullFollower, AsyncDisposable {
  readonly #store: Store;
  readonly #unpack: Unpack<T>;
  readonly #left = new AbortController();
  readonly #signal: AbortSignal;
  readonly #arrivals = new Map<Digest, PromiseWithResolvers<void>>();
  #image: { readonly descriptor: Descriptor; readonly manifest: Manifest } | undefined;
  #unpacking: Promise<T> | undefined;

  /** @param store  Where the blobs come to. A lease of the caller's keeps them. */
  constructor(store: Store, signal: AbortSignal, unpack: Unpack<T>) {
    this.#store = store;
    this.#unpack = unpack;
    this.#signal = AbortSignal.any([signal, this.#left.signal]);
  }

  /** This image comes. */
  choose(descriptor: Descriptor, manifest: Manifest): void {
    // Said once more for each mirror; another image than the first is unpacked when it is here.
    if (this.#image !== undefined || !isWorthProcesses(manifest.layers)) return;
    this.#image = { descriptor, manifest };
    for (const { digest } of manifest.layers) this.#arrivals.set(digest, Promise.withResolvers());
  }

  /** This becomes of a blob. */
  hear({ kind, blob }: BlobEvent): void {
    if (this.#image === undefined || (kind !== "done" && kind !== "present")) return;
    this.#arrivals.get(blob.digest)?.resolve();
    const { descriptor, manifest } = this.#image;
    if (blob.digest !== manifest.config.digest || this.#unpacking !== undefined) return;
    this.#unpacking = this.#begin(descriptor, manifest);
    this.#unpacking.catch(() => undefined); // told by result(), if anybody still wants the image
  }

  /** What it came to, once the pull of `descriptor` has ended well; undefined: it was not unpacked. @throws as `unpack` */
  async result({ digest }: Descriptor): Promise<T | undefined> {
    return this.#image?.descriptor.digest === digest ? await this.#unpacking : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#left.abort();
    await Promise.allSettled([this.#unpacking]);
  }

  async #begin(descriptor: Descriptor, manifest: Manifest): Promise<T> {
    const bytes = this.#store.content.readBytes(manifest.config.digest, MAX_CONFIG_BYTES);
    const image = imageOf(descriptor, manifest, bytes);
    return await this.#unpack(image, this.#signal, async ({ digest }, signal) => {
      const { promise: aborted, reject } = Promise.withResolvers<never>();
      const abort = (): void => reject(signal.reason);
      aborted.catch(() => undefined); // it may be too late for the race
      signal.addEventListener("abort", abort);
      try {
        await Promise.race([this.#arrivals.get(digest)?.promise, aborted]);
      } finally {
        signal.removeEventListener("abort", abort);
      }
    });
  }
}
