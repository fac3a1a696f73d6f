/** `docker://REPOSITORY[:TAG|@DIGEST]`: an image at a registry. */
import { type RegistryClient, streamOf } from "../../distribution/client/index.ts";
import type { ImageDestination, ImageSource } from "../../image/index.ts";
import {
  DEFAULT_TAG,
  encodeReference,
  type Reference,
  type RepositoryName,
  type Tag,
} from "../../spec/index.ts";
import { InvalidOption } from "../options/error.ts";

/** Reads an image; `client` is bound to its repository. */
export function registrySource(client: RegistryClient, reference: Reference): ImageSource {
  return {
    name: `docker://${encodeReference(reference)}`,
    async root(signal) {
      const target = reference.digest ?? reference.tag ?? DEFAULT_TAG;
      const { mediaType, digest, size, bytes } = await client.resolve(target, signal);
      return { descriptor: { mediaType, digest, size }, bytes };
    },
    readDocument: async ({ digest }, signal) => (await client.resolve(digest, signal)).bytes,
    readBlob: (blob, signal) => client.readBlob(blob, 0, signal),
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
