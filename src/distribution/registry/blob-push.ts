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
import type { Caller } from "./auth/caller.ts";
import { parseContentRange } from "./range.ts";
import { Refusal } from "./refusal.ts";
import { announcedLength, chunksOf } from "./request-body.ts";
import type { Metadata } from "./storage/metadata.ts";
import type { Storage } from "./storage/storage.ts";
import { release } from "./upkeep/sweep.ts";
import { rangeOf, type UploadKey, type Uploads } from "./uploads.ts";

/** POST /v2/<name>/blobs/uploads/ */
export async function beginUpload(
  storage: Storage,
  uploads: Uploads,
  name: RepositoryName,
  query: URLSearchParams,
  request: Request,
  caller: Caller,
): Promise<Response> {
  const mount = query.get("mount");
  if (mount !== null && (await mountBlob(storage, name, mount, query.get("from"), caller)))
    return created(name, mount);
  const text = query.get("digest");
  // Refused before anything is opened.
  const digest = text === null ? undefined : parseUploadDigest(text);
  const algorithm = query.get("digest-algorithm") ?? (digest && digestAlgorithm(digest)) ?? "sha256";
  if (!isSupportedAlgorithm(algorithm)) throw unsupported(algorithm);
  await storage.metadata.requireRoom(name, announcedLength(request) ?? 0);
  const key = uploads.begin(name, caller.name, algorithm);
  if (digest === undefined) return accepted(key, 0);
  try {
    const chunks = withinQuota(storage.metadata, key, 0, chunksOf(request));
    await finish(storage, uploads, key, digest, undefined, chunks);
  } catch (error) {
    await uploads.cancel(key).catch(() => undefined);
    throw error;
  }
  return created(name, digest);
}

/** GET <upload> */
export async function uploadStatus(uploads: Uploads, key: UploadKey): Promise<Response> {
  const { headers } = accepted(key, await uploads.offset(key));
  return new Response(null, { status: 204, headers });
}

/** PATCH <upload>: the chunk that Content-Range names, or a stream of whatever length. */
export async function appendToUpload(
  { metadata }: Storage,
  uploads: Uploads,
  key: UploadKey,
  request: Request,
): Promise<Response> {
  const offset = await uploads.offset(key);
  await metadata.requireRoom(key.repository, offset + (announcedLength(request) ?? 0));
  const chunks = withinQuota(metadata, key, offset, chunksOf(request));
  return accepted(key, await uploads.append(key, chunkStart(request), chunks));
}

/** PUT <upload>?digest= */
export async function finishUpload(
  storage: Storage,
  uploads: Uploads,
  key: UploadKey,
  query: URLSearchParams,
  request: Request,
): Promise<Response> {
  const digest = parseUploadDigest(query.get("digest") ?? "");
  const chunks = withinQuota(storage.metadata, key, await uploads.offset(key), chunksOf(request));
  await finish(storage, uploads, key, digest, chunkStart(request), chunks);
  return created(key.repository, digest);
}

/** DELETE <upload> */
export async function cancelUpload(uploads: Uploads, key: UploadKey): Promise<Response> {
  await uploads.cancel(key);
  return new Response(null, { status: 204 });
}

/** The last chunks, the check, and the link; whoever sweeps meanwhile leaves the content alone. */
async function finish(
  storage: Storage,
  uploads: Uploads,
  key: UploadKey,
  digest: Digest,
  start: number | undefined,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { metadata, pins } = storage;
  const pin = pins.hold(digest);
  try {
    const size = await uploads.finish(key, digest, start, chunks);
    await metadata.linkBlob(key.repository, digest, size);
  } catch (error) {
    pin[Symbol.dispose]();
    // What found no room after all shall not take any.
    await release(storage, digest);
    throw error;
  } finally {
    pin[Symbol.dispose]();
  }
}

/** The chunks as long as they fit: a stream does not say beforehand how long it will be. @throws {QuotaExceeded} */
async function* withinQuota(
  metadata: Metadata,
  { repository }: UploadKey,
  offset: number,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  let looked = offset;
  for await (const chunk of chunks) {
    offset += chunk.byteLength;
    if (offset - looked >= LOOK_BYTES) {
      await metadata.requireRoom(repository, offset);
      looked = offset;
    }
    yield chunk;
  }
}
const LOOK_BYTES = 4 << 20;

/**
 * A blob of another repository, of any if none is named, becomes one of this one too: of a repository that the caller may
 * read, else whoever knows a digest could read what it names (CVE-2024-39897). Anything that hinders it means: upload it.
 */
async function mountBlob(
  { content, metadata, pins }: Storage,
  name: RepositoryName,
  digest: string,
  from: string | null,
  caller: Caller,
): Promise<boolean> {
  if (!isDigest(digest)) return false;
  using _pin = pins.hold(digest);
  const candidates = from === null ? await metadata.holders(digest) : isRepositoryName(from) ? [from] : [];
  const source = candidates.find((candidate) => caller.allows(candidate, "read"));
  if (source === undefined) return false;
  const size = await metadata.blob(source, digest);
  if (size === undefined || content.stat(digest)?.size !== size) return false;
  await metadata.linkBlob(name, digest, size);
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
  if (!isSupportedAlgorithm(algorithm)) throw unsupported(algorithm);
  return text;
}

function unsupported(algorithm: string): Refusal {
  return new Refusal("DIGEST_INVALID", { message: `digests of algorithm ${algorithm} cannot be checked` });
}

/** Locations are relative: what a proxy in front calls us is not ours to know. */
function accepted({ repository, id }: UploadKey, offset: number): Response {
  const headers = {
    location: `/v2/${repository}/blobs/uploads/${id}`,
    range: rangeOf(offset),
    "docker-upload-uuid": id,
  };
  return new Response(null, { status: 202, headers });
}

function created(name: RepositoryName, digest: string): Response {
  const headers = { location: `/v2/${name}/blobs/${digest}`, "docker-content-digest": digest };
  return new Response(null, { status: 201, headers });
}
