/**
 * Blobs that are here: whole or a range of them, and taking them away.
 * Source: distribution-spec spec.md, Pulling blobs, Deleting blobs; RFC 9110 section 14.
 */
import type { Digest, RepositoryName } from "../../spec/index.ts";
import type { PullThrough } from "./cache/pull-through.ts";
import { parseRange } from "./range.ts";
import { Refusal } from "./refusal.ts";
import type { Storage } from "./storage/storage.ts";
import { release } from "./upkeep/sweep.ts";

/**
 * GET and HEAD /v2/<name>/blobs/<digest>; the kernel moves the bytes (sendfile), none pass through us, but for those of a blob
 * that is on its way from an upstream.
 */
export async function getBlob(
  { content, metadata }: Storage,
  cache: PullThrough,
  name: RepositoryName,
  digest: Digest,
  request: Request,
): Promise<Response> {
  const isHere = (await metadata.blob(name, digest)) !== undefined;
  const size = isHere ? content.stat(digest)?.size : cache.sizeOf(name, digest);
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
  if (request.method === "HEAD") {
    // Who pushes asks so whether he may leave it out.
    await metadata.touchBlob(name, digest);
    return new Response(null, { headers: { ...headers, "content-length": String(size) } });
  }
  const ifRange = request.headers.get("if-range");
  const range =
    ifRange === null || ifRange === etag ? parseRange(request.headers.get("range"), size) : undefined;
  const { start, end } = range ?? { start: 0, end: size };
  const status = range === undefined ? 200 : 206;
  if (range !== undefined) headers["content-range"] = `bytes ${start}-${end - 1}/${size}`;
  const fill = isHere ? undefined : cache.fill(name, digest);
  if (fill !== undefined) return new Response(await fill.open(start, end), { status, headers });
  headers["content-length"] = String(end - start);
  // Else Bun would tell clients the name of our file.
  headers["content-disposition"] = "attachment";
  const file = Bun.file(content.path(digest));
  return new Response(range === undefined ? file : file.slice(start, end), { status, headers });
}

/** DELETE /v2/<name>/blobs/<digest> */
export async function deleteBlob(storage: Storage, name: RepositoryName, digest: Digest): Promise<Response> {
  if (!(await storage.metadata.unlinkBlob(name, digest)))
    throw new Refusal("BLOB_UNKNOWN", { detail: { digest } });
  await release(storage, digest);
  return new Response(null, { status: 202 });
}
