/**
 * GET /v2/<name>/referrers/<digest>: the manifests about a manifest, as an index.
 * Of an upstream's repository they are those that it has there: an image is not without signatures because nobody has pulled any by us.
 * Always an answer, never 404: a subject that nobody pushed has no referrers. Paged, so that no answer outgrows a manifest.
 * Source: distribution-spec spec.md, Listing Referrers.
 */
import type { Descriptor, Digest, RepositoryName } from "../../spec/index.ts";
import { nextLink } from "./page.ts";
import type { Awaitable, Metadata, Slice } from "./storage/metadata.ts";

const INDEX = "application/vnd.oci.image.index.v1+json";
const MAX_PAGE_BYTES = 2 << 20;
const MAX_PAGE_ENTRIES = 5_000;
/** Annotations may be long: descriptors are read so many at a time, until the page is full. */
const READ_ENTRIES = 250;

/** See the file's head. @param there  Of an upstream's repository, what it has, by digest. */
export async function listReferrers(
  metadata: Metadata,
  name: RepositoryName,
  subject: Digest,
  query: URLSearchParams,
  there?: readonly Descriptor[],
): Promise<Response> {
  const artifactType = query.get("artifactType") ?? undefined;
  const list =
    there === undefined
      ? (slice: Slice) => metadata.referrers(name, subject, artifactType, slice)
      : (slice: Slice) => partOf(there, artifactType, slice);
  const { descriptors, next } = await readPage(list, query.get("last") ?? "");
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

/** An entry, as JSON. */
interface Entry {
  readonly digest: string;
  readonly descriptor: string;
}

/** Of a list that is in order. */
function partOf(
  all: readonly Descriptor[],
  artifactType: string | undefined,
  { after, limit }: Slice,
): Entry[] {
  return all
    .filter((one) => one.digest > after && (artifactType === undefined || one.artifactType === artifactType))
    .slice(0, limit)
    .map((one) => ({ digest: one.digest, descriptor: JSON.stringify(one) }));
}

/** Descriptors up to the bounds of a page, and the last of them if there are more. */
async function readPage(
  list: (slice: Slice) => Awaitable<readonly Entry[]>,
  last: string,
): Promise<{ descriptors: string[]; next?: string }> {
  const descriptors: string[] = [];
  let bytes = 0;
  for (;;) {
    const slice = { after: last, limit: READ_ENTRIES };
    const rows = await list(slice);
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
