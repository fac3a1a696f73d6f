/** What a repository holds, asked by HEAD: no byte of it comes, and it is no pull where pulls are counted. Source: distribution-spec spec.md, Checking if content exists. */
import {
  type Descriptor,
  type Digest,
  isDigest,
  mediaTypes,
  type Tag,
  withoutParameters,
} from "../../spec/index.ts";
import type { Action } from "./authorizer.ts";
import type { BlobAddress } from "./blob-read.ts";
import { discard } from "./body.ts";
import { BadRegistryAnswer, ManifestNotFound, RegistryRefused, RegistryUnauthenticated } from "./errors.ts";
import { ACCEPT, getManifest } from "./manifest.ts";
import type { Repository } from "./repository.ts";
import type { Session } from "./session.ts";

/** The manifest that `target` names. @throws {ManifestNotFound} */
export async function statManifest(
  session: Session,
  repository: Repository,
  target: Tag | Digest,
  signal?: AbortSignal,
): Promise<Descriptor> {
  const response = await head(session, repository, "manifests", target, signal);
  if (response.status === 404) throw new ManifestNotFound({ ...repository, target });
  const { headers } = response;
  const stated = headers.get("docker-content-digest");
  const size = Number(headers.get("content-length") ?? "");
  // Registries of before need not say: then it is read.
  if (stated === null || !isDigest(stated) || !Number.isSafeInteger(size) || size <= 0) {
    const { mediaType, digest, size: length } = await getManifest(session, repository, target, signal);
    return { mediaType, digest, size: length };
  }
  if (isDigest(target) && target !== stated)
    throw new BadRegistryAnswer({
      registry: repository.registry,
      operation: `look for ${target}`,
      reason: `it says that this is ${stated}`,
    });
  const mediaType = withoutParameters(headers.get("content-type") ?? mediaTypes.manifest);
  return { mediaType, digest: stated, size };
}

/** The blob, with its size where the registry says it; undefined: it is not there. */
export async function statBlob(
  session: Session,
  repository: Repository,
  digest: Digest,
  signal?: AbortSignal,
  action: Action = "pull",
): Promise<{ readonly size: number | undefined } | undefined> {
  const { status, headers } = await head(session, repository, "blobs", digest, signal, action);
  if (status === 404) return undefined;
  const length = headers.get("content-length");
  return { size: length === null ? undefined : Number(length) };
}

/**
 * Whether the blob is there, for who is about to push it: asked with the token that pushes, so that one is enough. Of a repository that is not
 * there yet, or that may be written and not read, registries answer 401 or 403 to whoever asks: then the push itself tells what is wrong.
 * @throws {BadRegistryAnswer} It is, with another size.
 */
export async function hasBlob(
  session: Session,
  repository: Repository,
  { digest, size }: BlobAddress,
  signal?: AbortSignal,
): Promise<boolean> {
  const found = await statBlob(session, repository, digest, signal, "push").catch((error: unknown) => {
    if (error instanceof RegistryUnauthenticated) return undefined;
    if (error instanceof RegistryRefused && error.context.status === 403) return undefined;
    throw error;
  });
  if (found?.size !== undefined && found.size !== size)
    throw new BadRegistryAnswer({
      registry: repository.registry,
      operation: `look for ${digest}`,
      reason: `it holds ${found.size} bytes under this digest where there should be ${size}`,
    });
  return found !== undefined;
}

async function head(
  session: Session,
  { repository }: Repository,
  kind: "blobs" | "manifests",
  target: Tag | Digest,
  signal: AbortSignal | undefined,
  action: Action = "pull",
): Promise<Response> {
  const response = await session.send(
    {
      method: "HEAD",
      url: `${session.origin}/v2/${repository}/${kind}/${target}`,
      // Without it there are registries that convert, or find nothing.
      headers: kind === "manifests" ? { accept: ACCEPT } : {},
      action,
      expect: [200, 404],
      operation: `look for ${target}`,
    },
    signal,
  );
  await discard(response);
  return response;
}
