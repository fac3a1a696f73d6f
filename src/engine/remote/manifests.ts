/** Manifests at a registry, by themselves: got, put, looked at, taken away. */
import { hasCode, isTeuError } from "../../base/index.ts";
import { BlobTooLarge } from "../../content/index.ts";
import {
  DEFAULT_TAG,
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestOf,
  isSupportedAlgorithm,
  MAX_CONFIG_BYTES,
  type Platform,
  parseManifestOrIndex,
  type Tag,
} from "../../spec/index.ts";
import { choosePlatform } from "../image/platform.ts";
import { InvalidOption } from "../options/error.ts";
import { atRegistry, type Remote, type RemoteOptions } from "./access.ts";

/** A manifest or index with its exact bytes. */
export interface RemoteManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** The manifest that `text` names; with `platform` the one that its index has for that. @throws {NoSuchPlatform} */
export async function getRemoteManifest(
  text: string,
  options: RemoteOptions & { readonly platform?: Platform | undefined },
): Promise<RemoteManifest> {
  return await atRegistry(text, options, (remote) => resolveRemote(remote, options.platform));
}

/** The same for who has begun already. */
export async function resolveRemote(
  { client, reference, signal }: Remote,
  platform: Platform | undefined,
): Promise<RemoteManifest> {
  let target: Tag | Digest = targetOf(reference);
  if (platform !== undefined) {
    const { resolveImage } = await import("../../distribution/client/index.ts");
    target = (await resolveImage(client, reference, { platform, signal })).descriptor.digest;
  }
  const { mediaType, digest, size, bytes } = await client.resolve(target, signal);
  return { descriptor: { mediaType, digest, size }, bytes };
}

/** The config of the image that `text` names; of an index, of the one for `platform`. @throws {NoSuchPlatform} {NotAnImage} */
export async function getRemoteConfig(
  text: string,
  options: RemoteOptions & { readonly platform: Platform | undefined },
): Promise<RemoteManifest> {
  return await atRegistry(text, options, async ({ client, reference, signal }) => {
    const { resolveImage } = await import("../../distribution/client/index.ts");
    const { platform } = choosePlatform(options.platform);
    const { config } = (await resolveImage(client, reference, { platform, signal })).manifest;
    const { digest, size } = config;
    if (size > MAX_CONFIG_BYTES) throw new BlobTooLarge({ digest, size, maxBytes: MAX_CONFIG_BYTES });
    return { descriptor: config, bytes: await new Response(client.getBlob(config, signal)).bytes() };
  });
}

/** What the manifest is, without its bytes. @throws {ManifestNotFound} */
export async function statRemoteManifest(text: string, options: RemoteOptions): Promise<Descriptor> {
  return await atRegistry(text, options, ({ client, reference, signal }) =>
    client.statManifest(targetOf(reference), signal),
  );
}

/** Puts bytes as they are. @throws {InvalidDocument} @throws {InvalidOption} They are not what their digest says. */
export async function putRemoteManifest(
  text: string,
  bytes: Uint8Array,
  options: RemoteOptions & { readonly mediaType?: string | undefined },
): Promise<Descriptor> {
  return await atRegistry(text, options, async ({ client, reference, signal }) => {
    const { mediaType } = parseManifestOrIndex(bytes, options.mediaType);
    const algorithm = reference.digest === undefined ? "sha256" : digestAlgorithm(reference.digest);
    const digest = digestOf(bytes, isSupportedAlgorithm(algorithm) ? algorithm : "sha256");
    if (reference.digest !== undefined && reference.digest !== digest)
      throw new InvalidOption(
        { option: "REFERENCE", value: text },
        `Cannot put the manifest as ${reference.digest}: its content hashes to ${digest}`,
      );
    await client.putManifest(reference.tag ?? digest, { mediaType, bytes }, signal);
    return { mediaType, digest, size: bytes.byteLength };
  });
}

/** Takes a tag away, or by its digest a manifest with all its tags. @throws {ManifestNotFound} */
export async function removeRemoteManifest(text: string, options: RemoteOptions): Promise<void> {
  await atRegistry(text, options, async ({ client, reference, signal }) => {
    // Nobody means a tag that nobody wrote.
    if (reference.digest === undefined && !text.endsWith(`:${reference.tag}`))
      throw new InvalidOption(
        { option: "REFERENCE", value: text },
        `Cannot tell what to remove of ${text}: wants a tag or a digest`,
      );
    try {
      await client.deleteManifest(targetOf(reference), signal);
    } catch (error) {
      throw reference.digest === undefined && isRefusal(error)
        ? new InvalidOption(
            { option: "REFERENCE", value: text },
            `${error instanceof Error ? error.message : String(error)}. Not every registry removes tags: by its digest (teu manifest head) a manifest goes, with all its tags`,
          )
        : error;
    }
  });
}

/** A digest decides where both are there. */
function targetOf({
  tag,
  digest,
}: {
  readonly tag: Tag | undefined;
  readonly digest: Digest | undefined;
}): Tag | Digest {
  return digest ?? tag ?? DEFAULT_TAG;
}

function isRefusal(error: unknown): boolean {
  return (
    hasCode(error, "registry-refused") && isTeuError(error) && ["invalid", "unsupported"].includes(error.kind)
  );
}
