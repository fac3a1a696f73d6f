/**
 * GET /v2/<name>/referrers/<digest>: the manifests about a manifest, as an index.
 * Always an answer, never 404: a subject that nobody pushed has no referrers. Paged, so that no answer outgrows a manifest.
 * Source: distribution-spec spec.md, Listing Referrers.
 */
import type { Digest, RepositoryName } from "../../spec/index.ts";
import { nextLink } from "./page.ts";
import type { Metadata } from "./storage/metadata.ts";

const INDEX = "application/vnd.oci.image.index.v1+json";
const MAX_PAGE_BYTES = 2 << 20;
const MAX_PAGE_ENTRIES = 5_000;
/** Annotations may be long: descriptors are read so many at a time, until the page is full. */
const READ_ENTRIES = 250;

/** See the file's head. */
export async function listReferrers(
  metadata: Metadata,
  name: RepositoryName,
  subject: Digest,
  query: URLSearchParams,
): Promise<Response> {
  const artifactType = query.get("artifactType") ?? undefined;
  const { descriptors, next } = await readPage(
    metadata,
    name,
    subject,
    artifactType,
    query.get("last") ?? "",
  );
  const headers: Record<string, string> = { "content-type": INDEX };
  if (artifactType !== undefined) headers["oci-filters-applied"] = "artifactType";
  if (next !== undefined)
    headers["link"] = nextLink(`/v2/${name}/referrers/${subject}`, {
      last: next,
      ...(artifactType !== undefined && { artifactType }),
    });
  // They are JSON already.
  const body = `{"schemaVersion":2,"mediaType":"${INDEX}","manifests":[${descriptors.join(",")}]}`;
  return new Response(body, { headers });
}

/** Descriptors up to the bounds of a page, and the last of them if there are more. */
async function readPage(
  metadata: Metadata,
  name: RepositoryName,
  subject: Digest,
  artifactType: string | undefined,
  last: string,
): Promise<{ descriptors: string[]; next?: string }> {
  const descriptors: string[] = [];
  let bytes = 0;
  for (;;) {
    const slice = { after: last, limit: READ_ENTRIES };
    const rows = await metadata.referrers(name, subject, artifactType, slice);
    for (const { digest, descriptor } of rows) {
      bytes += descriptor.length;
      if (descriptors.length > 0 && (bytes > MAX_PAGE_BYTES || descriptors.length === MAX_PAGE_ENTRIES))
        return { descriptors, next: last };
      descriptors.push(descriptor);
      last = digest;
    }
    if (rows.length < READ_ENTRIES) return { descriptors };
  }
}
