/**
 * GET /v2/<name>/referrers/<digest>: the manifests about a manifest, as an index.
 * Always an answer, never 404: a subject that nobody pushed has no referrers. Paged, so that no answer outgrows a manifest.
 * Source: distribution-spec spec.md, Listing Referrers.
 */
import type { Digest, RepositoryName } from "../../spec/index.ts";
import { nextLink } from "./page.ts";
import type { Repositories } from "./repository.ts";

const INDEX = "application/vnd.oci.image.index.v1+json";
const MAX_PAGE_BYTES = 2 << 20;

/** See the file's head. */
export async function listReferrers(
  repositories: Repositories,
  name: RepositoryName,
  subject: Digest,
  query: URLSearchParams,
): Promise<Response> {
  const artifactType = query.get("artifactType");
  const headers: Record<string, string> = { "content-type": INDEX };
  if (artifactType !== null) headers["oci-filters-applied"] = "artifactType";
  const manifests: unknown[] = [];
  let bytes = 0;
  let last = "";
  for await (const { key, text } of repositories.open(name).referrers(subject, query.get("last") ?? "")) {
    const descriptor = JSON.parse(text) as { artifactType?: string }; // written by putManifest() only
    if (artifactType !== null && descriptor.artifactType !== artifactType) continue;
    if (bytes > 0 && bytes + text.length > MAX_PAGE_BYTES) {
      const next = artifactType === null ? { last } : { last, artifactType };
      headers["link"] = nextLink(`/v2/${name}/referrers/${subject}`, next);
      break;
    }
    manifests.push(descriptor);
    bytes += text.length;
    last = key;
  }
  return new Response(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }), { headers });
}
