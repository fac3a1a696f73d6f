/** `docker://REPOSITORY[:TAG|@DIGEST]`: an image at a registry. */
import {
  type BlobAddress,
  type RegistryClient,
  readAhead,
  streamOf,
} from "../../distribution/client/index.ts";
import type { ImageDestination, ImageSource } from "../../image/index.ts";
import {
  DEFAULT_TAG,
  encodeReference,
  type Reference,
  type RepositoryName,
  type Tag,
} from "../../spec/index.ts";
import { MirrorsFailed } from "../image/pull.ts";
import { InvalidOption } from "../options/error.ts";

/**
 * Reads an image; `client` is bound to its repository.
 * @param mirrors  Asked before it, each once: what one has not, or cannot give whole, the next is asked for.
 */
export function registrySource(
  client: RegistryClient,
  reference: Reference,
  mirrors: readonly RegistryClient[] = [],
): ImageSource {
  const name = `docker://${encodeReference(reference)}`;
  const places = new Places([...mirrors, client]);
  return {
    name,
    async root(signal) {
      const target = reference.digest ?? reference.tag ?? DEFAULT_TAG;
      const resolved = await places.ask((place) => place.resolve(target, signal), signal);
      const { mediaType, digest, size, bytes } = resolved;
      return { descriptor: { mediaType, digest, size }, bytes };
    },
    readDocument: async ({ digest }, signal) =>
      (await places.ask((place) => place.resolve(digest, signal), signal)).bytes,
    readBlob: (blob, signal) => places.readBlob(blob, signal),
    // A mirror keeps none, or not those that came later.
    referrers: async (subject, signal) => (await client.referrers(subject, undefined, signal)).descriptors,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/**
 * Writes an image, under the reference's tag and `tags`.
 * @param from  Another repository of the registry, which has the blobs: they are mounted from there.
 */
export function registryDestination(
  client: RegistryClient,
  reference: Reference,
  tags: readonly Tag[] = [],
  from?: RepositoryName,
): ImageDestination {
  const name = `docker://${encodeReference(reference)}`;
  const targets = reference.tag === undefined ? tags : [reference.tag, ...tags];
  const put: ImageDestination["writeDocument"] = ({ descriptor, bytes }, signal) =>
    client.putManifest(descriptor.digest, { mediaType: descriptor.mediaType, bytes }, signal);
  return {
    name,
    isChecking: false,
    admit({ digest }) {
      if (reference.digest === undefined || reference.digest === digest) return;
      throw new InvalidOption(
        { option: "DESTINATION", value: name },
        `Cannot copy to ${name}: the image is ${digest}, and a digest names no other`,
      );
    },
    hasBlob: (blob, signal) => client.hasBlob(blob, signal),
    ...(from !== undefined && { mountBlob: (blob, signal) => client.mountBlob(blob, from, signal) }),
    writeBlob: (blob, open, signal) => client.pushBlob(blob, () => streamOf(open()), signal),
    writeDocument: put,
    writeReferrer: put,
    async commit(root, signal) {
      const { mediaType } = root.descriptor;
      if (targets.length === 0) return await put(root, signal);
      for (const tag of targets) await client.putManifest(tag, { mediaType, bytes: root.bytes }, signal);
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Several places of one image. One that has failed is not asked again. */
class Places {
  readonly #places: readonly RegistryClient[];
  readonly #failures: { readonly place: string; readonly error: unknown }[] = [];
  #current = 0;

  constructor(places: readonly RegistryClient[]) {
    this.#places = places;
  }

  async ask<T>(work: (place: RegistryClient) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    for (;;) {
      const place = this.#place();
      try {
        return await work(place);
      } catch (error) {
        this.#next(place, error, signal);
      }
    }
  }

  async *readBlob(
    blob: BlobAddress,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, void> {
    let offset = 0;
    for (;;) {
      const place = this.#place();
      try {
        for await (const chunk of readAhead(place, blob, offset, signal)) {
          offset += chunk.byteLength;
          yield chunk;
        }
        return;
      } catch (error) {
        this.#next(place, error, signal);
      }
    }
  }

  #place(): RegistryClient {
    return this.#places[this.#current] as RegistryClient; // #next() ends before the last is passed
  }

  /** Goes on to the place after `failed`, unless a read beside this one has done so. @throws what the last place failed with, and what its mirrors did */
  #next(failed: RegistryClient, error: unknown, signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    if (failed === this.#places.at(-1))
      throw this.#failures.length === 0 ? error : new MirrorsFailed(error, this.#failures);
    if (failed !== this.#place()) return;
    this.#failures.push({ place: failed.registry, error });
    this.#current += 1;
  }
}
