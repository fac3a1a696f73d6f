/**
 * The requests by which blobs come in: at once, after a POST, in chunks or as one stream.
 * Source: distribution-spec spec.md, Pushing blobs; end-4a to end-6, end-11, end-13, end-14.
 */
import {
  type Digest,
  digestAlgorithm,
  isDigest,
  isRepositoryName,
  isSupportedAlgorithm,
  type RepositoryName,
} from "../../spec/index.ts";
import type { Stores } from "./manifests.ts";
import { parseContentRange } from "./range.ts";
import { Refusal } from "./refusal.ts";
import { announcedLength, chunksOf } from "./request-body.ts";
import { rangeOf, type Uploads } from "./uploads.ts";

/** POST /v2/<name>/blobs/uploads/ */
export async function beginUpload(
  stores: Stores,
  uploads: Uploads,
  name: RepositoryName,
  query: URLSearchParams,
  request: Request,
): Promise<Response> {
  const mount = query.get("mount");
  if (mount !== null && (await mountBlob(stores, name, mount, query.get("from"))))
    return created(name, mount);
  const text = query.get("digest");
  // Refused before anything is opened.
  const digest = text === null ? undefined : parseUploadDigest(text);
  const algorithm = query.get("digest-algorithm");
  if (algorithm !== null && !isSupportedAlgorithm(algorithm))
    throw new Refusal("DIGEST_INVALID", { message: `digests of algorithm ${algorithm} cannot be checked` });
  const id = uploads.begin(name);
  if (digest === undefined) return accepted(name, id, 0);
  try {
    await uploads.finish(name, id, digest, undefined, chunksOf(request));
  } catch (error) {
    await uploads.cancel(name, id).catch(() => undefined);
    throw error;
  }
  await stores.repositories.open(name).linkBlob(digest);
  return created(name, digest);
}

/** GET <upload> */
export function uploadStatus(uploads: Uploads, name: RepositoryName, id: string): Response {
  const { headers } = accepted(name, id, uploads.offset(name, id));
  return new Response(null, { status: 204, headers });
}

/** PATCH <upload>: the chunk that Content-Range names, or a stream of whatever length. */
export async function appendToUpload(
  uploads: Uploads,
  name: RepositoryName,
  id: string,
  request: Request,
): Promise<Response> {
  return accepted(name, id, await uploads.append(name, id, chunkStart(request), chunksOf(request)));
}

/** PUT <upload>?digest= */
export async function finishUpload(
  stores: Stores,
  uploads: Uploads,
  name: RepositoryName,
  id: string,
  query: URLSearchParams,
  request: Request,
): Promise<Response> {
  const digest = parseUploadDigest(query.get("digest") ?? "");
  await uploads.finish(name, id, digest, chunkStart(request), chunksOf(request));
  await stores.repositories.open(name).linkBlob(digest);
  return created(name, digest);
}

/** DELETE <upload> */
export async function cancelUpload(uploads: Uploads, name: RepositoryName, id: string): Promise<Response> {
  await uploads.cancel(name, id);
  return new Response(null, { status: 204 });
}

/** A blob of another repository, of any if none is named, becomes one of this one too. Anything that hinders it means: upload it. */
async function mountBlob(
  { repositories }: Stores,
  name: RepositoryName,
  digest: string,
  from: string | null,
): Promise<boolean> {
  // TODO(authorisation): only from repositories that the caller may pull (CVE-2024-39897).
  if (!isDigest(digest)) return false;
  const source = from ?? (await repositories.holderOf(digest));
  if (source === undefined || !isRepositoryName(source) || !repositories.open(source).hasBlob(digest))
    return false;
  await repositories.open(name).linkBlob(digest);
  return true;
}

/** Where the request's chunk begins, if it says so; its length must then be the range's. */
function chunkStart(request: Request): number | undefined {
  const range = parseContentRange(request.headers.get("content-range"));
  const length = announcedLength(request);
  if (range !== undefined && length !== undefined && length !== range.end - range.start)
    throw new Refusal("SIZE_INVALID", {
      detail: { contentLength: length, range: `${range.start}-${range.end - 1}` },
    });
  return range?.start;
}

function parseUploadDigest(text: string): Digest {
  if (!isDigest(text)) throw new Refusal("DIGEST_INVALID", { detail: { digest: text } });
  const algorithm = digestAlgorithm(text);
  if (!isSupportedAlgorithm(algorithm))
    throw new Refusal("DIGEST_INVALID", { message: `digests of algorithm ${algorithm} cannot be checked` });
  return text;
}

/** Locations are relative: what a proxy in front calls us is not ours to know. */
function accepted(name: RepositoryName, id: string, offset: number): Response {
  const headers = {
    location: `/v2/${name}/blobs/uploads/${id}`,
    range: rangeOf(offset),
    "docker-upload-uuid": id,
  };
  return new Response(null, { status: 202, headers });
}

function created(name: RepositoryName, digest: string): Response {
  const headers = { location: `/v2/${name}/blobs/${digest}`, "docker-content-digest": digest };
  return new Response(null, { status: 201, headers });
}
