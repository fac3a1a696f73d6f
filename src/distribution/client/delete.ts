/** Takes manifests, tags and blobs out of a repository. Source: distribution-spec spec.md, Content Management. */
import type { Digest, Tag } from "../../spec/index.ts";
import { discard } from "./body.ts";
import { ManifestNotFound } from "./errors.ts";
import type { Repository } from "./repository.ts";
import type { Session } from "./session.ts";

/** A tag alone; by its digest a manifest, with all its tags. @throws {ManifestNotFound} */
export async function deleteManifest(
  session: Session,
  repository: Repository,
  target: Tag | Digest,
  signal?: AbortSignal,
): Promise<void> {
  if (!(await remove(session, repository, "manifests", target, signal)))
    throw new ManifestNotFound({ ...repository, target });
}

/** @returns whether it was there */
export async function deleteBlob(
  session: Session,
  repository: Repository,
  digest: Digest,
  signal?: AbortSignal,
): Promise<boolean> {
  return await remove(session, repository, "blobs", digest, signal);
}

async function remove(
  session: Session,
  { repository }: Repository,
  kind: "blobs" | "manifests",
  target: Tag | Digest,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const response = await session.send(
    {
      method: "DELETE",
      url: `${session.origin}/v2/${repository}/${kind}/${target}`,
      action: "delete",
      expect: [200, 202, 204, 404],
      operation: `delete ${target}`,
    },
    signal,
  );
  await discard(response);
  return response.status !== 404;
}
