/**
 * Blobs that are here: whole or a range of them, and taking them away.
 * Source: distribution-spec spec.md, Pulling blobs, Deleting blobs; RFC 9110 section 14.
 */
import { statSync } from "node:fs";
import type { Digest, RepositoryName } from "../../spec/index.ts";
import { isMissing } from "./durable.ts";
import type { Stores } from "./manifests.ts";
import { parseRange } from "./range.ts";
import { Refusal } from "./refusal.ts";

/** GET and HEAD /v2/<name>/blobs/<digest>; the kernel moves the bytes (sendfile), none pass through us. */
export function getBlob(stores: Stores, name: RepositoryName, digest: Digest, request: Request): Response {
  const repository = stores.repositories.open(name);
  const path = stores.content.path(digest);
  const size = repository.hasBlob(digest) ? sizeOf(path) : undefined;
  if (size === undefined) throw new Refusal("BLOB_UNKNOWN", { detail: { digest } });
  const etag = `"${digest}"`;
  const headers: Record<string, string> = {
    "content-type": "application/octet-stream",
    "docker-content-digest": digest,
    "accept-ranges": "bytes",
    // What a digest names never changes.
    "cache-control": "public, max-age=31536000, immutable",
    etag,
  };
  if (request.headers.get("if-none-match") === etag)
    return new Response(null, { status: 304, headers: { etag } });
  if (request.method === "HEAD")
    return new Response(null, { headers: { ...headers, "content-length": String(size) } });
  const ifRange = request.headers.get("if-range");
  const range =
    ifRange === null || ifRange === etag ? parseRange(request.headers.get("range"), size) : undefined;
  // Else Bun would tell clients the name of our file.
  headers["content-disposition"] = "attachment";
  if (range === undefined)
    return new Response(Bun.file(path), { headers: { ...headers, "content-length": String(size) } });
  headers["content-range"] = `bytes ${range.start}-${range.end - 1}/${size}`;
  headers["content-length"] = String(range.end - range.start);
  return new Response(Bun.file(path).slice(range.start, range.end), { status: 206, headers });
}

/** DELETE /v2/<name>/blobs/<digest> */
export async function deleteBlob(stores: Stores, name: RepositoryName, digest: Digest): Promise<Response> {
  if (!(await stores.repositories.open(name).unlinkBlob(digest)))
    throw new Refusal("BLOB_UNKNOWN", { detail: { digest } });
  return new Response(null, { status: 202 });
}

function sizeOf(path: string): number | undefined {
  try {
    return statSync(path).size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
