/** What refers to an image at its registry: signatures, bills of material, notes. */
import type { RegistryClient } from "../../distribution/client/index.ts";
import type { Annotations, Descriptor, Digest, Platform } from "../../spec/index.ts";
import { atRegistry, type RemoteOptions } from "./access.ts";
import { resolveRemote } from "./manifests.ts";

/** A manifest, and what refers to it. */
export interface ReferrerTree {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string | undefined;
  readonly annotations?: Annotations | undefined;
  readonly referrers: readonly ReferrerTree[];
}

/** Which. */
export interface ReferrerOptions extends RemoteOptions {
  readonly artifactType?: string | undefined;
  /** Those of the image of an index for this platform. */
  readonly platform?: Platform | undefined;
  /** Also what refers to those, and so on. */
  readonly isDeep?: boolean;
}

/** More than anybody has, and an end to what a registry makes up. */
const MAX_DEPTH = 16;

/** What refers to the image that `text` names. `artifactType` chooses among the direct ones. */
export async function listRemoteReferrers(text: string, options: ReferrerOptions): Promise<ReferrerTree> {
  return await atRegistry(text, options, async (remote) => {
    const { descriptor } = await resolveRemote(remote, options.platform);
    const { client, signal } = remote;
    const { descriptors } = await client.referrers(descriptor.digest, options.artifactType, signal);
    const seen = new Set([descriptor.digest]);
    const depth = options.isDeep ? MAX_DEPTH : 0;
    return {
      ...descriptor,
      referrers: await Promise.all(descriptors.map((one) => below(client, one, depth, seen, signal))),
    };
  });
}

async function below(
  client: RegistryClient,
  { mediaType, digest, size, artifactType, annotations }: Descriptor,
  depth: number,
  seen: Set<Digest>,
  signal: AbortSignal,
): Promise<ReferrerTree> {
  const self = { mediaType, digest, size, artifactType, annotations };
  if (depth === 0 || seen.has(digest)) return { ...self, referrers: [] };
  seen.add(digest);
  const referrers: ReferrerTree[] = [];
  for (const one of (await client.referrers(digest, undefined, signal)).descriptors)
    referrers.push(await below(client, one, depth - 1, seen, signal));
  return { ...self, referrers };
}
