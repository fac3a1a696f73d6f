/**
 * Puts a blob into a repository: a small one in one request, a larger one as a stream.
 * Source: distribution-spec spec.md, Pushing blobs (POST then PUT; PATCH without Content-Range is a streamed upload).
 */
import { isTeuError } from "../../base/index.ts";
import { digestAlgorithm, type RegistryName, type RepositoryName } from "../../spec/index.ts";
import { type BlobAddress, sizeMismatch } from "./blob-read.ts";
import { discard, readCapped } from "./body.ts";
import { uploadLocation } from "./endpoint.ts";
import { BadRegistryAnswer, RegistryRefused, RegistryUnavailable } from "./errors.ts";
import type { RequestBody } from "./http.ts";
import type { Repository } from "./repository.ts";
import { isTransientFailure, isTransientStatus, type RetryPolicy, retryDelay } from "./retry.ts";
import type { Session } from "./session.ts";
import { wait } from "./wait.ts";

/** Opens the blob's bytes from the beginning; called again when an upload has to begin again. */
export type BlobSource = () => ReadableStream<Uint8Array>;

/** Up to here a blob is sent in one request, from memory. */
const SMALL_BYTES = 1 << 20;
/** How long we try to tell the registry that it may forget an upload. */
const CANCEL_MS = 1_000;

/** Where and how a blob is pushed. */
export interface BlobPushing {
  readonly session: Session;
  readonly repository: Repository;
  readonly retry: RetryPolicy;
}

/** Uploads `blob` whole. A failed upload is cancelled and begun again. */
export async function pushBlob(
  pushing: BlobPushing,
  blob: BlobAddress,
  open: BlobSource,
  signal?: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await pushOnce(pushing, blob, open, signal);
      return;
    } catch (error) {
      signal?.throwIfAborted();
      const delay = isWorthRepeating(error, blob.size > SMALL_BYTES)
        ? retryDelay(pushing.retry, attempt + 1, null)
        : undefined;
      if (delay === undefined || attempt >= pushing.retry.attempts) throw error;
      await wait(delay, signal);
    }
  }
}

/**
 * Has the registry take the blob from another of its repositories. @returns whether it did; that it refuses is no failure, since
 * the bytes can be sent. Source: distribution-spec spec.md, Mounting a blob from another repository.
 */
export async function mountBlob(
  { session, repository }: Omit<BlobPushing, "retry">,
  { digest }: BlobAddress,
  from: RepositoryName,
  signal?: AbortSignal,
): Promise<boolean> {
  const query = new URLSearchParams({ mount: digest, from });
  const url = `${session.origin}/v2/${repository.repository}/blobs/uploads/?${query}`;
  const operation = `mount blob ${digest} from ${from}`;
  const response = await session.send(
    // Some registries answer 4xx where they do not know the source, or us there.
    { method: "POST", url, action: "push", expect: [201, 202, 400, 401, 403, 404, 405], operation },
    signal,
  );
  await discard(response);
  if (response.status === 202)
    await forget(session, locationOf(response, session, repository.registry, url, operation));
  return response.status === 201;
}

async function pushOnce(
  { session, repository }: BlobPushing,
  blob: BlobAddress,
  open: BlobSource,
  signal: AbortSignal | undefined,
): Promise<void> {
  const operation = `push blob ${blob.digest}`;
  const send = async (method: string, url: string, expect: number, body?: RequestBody): Promise<Response> => {
    const headers = { "content-type": "application/octet-stream" };
    const call = { method, url, action: "push", expect: [expect], operation } as const;
    const response = await session.send(body === undefined ? call : { ...call, headers, body }, signal);
    await discard(response);
    return response;
  };
  const algorithm = digestAlgorithm(blob.digest);
  // So that a stream can be hashed as it comes; registries that do not know the word go by the digest at its end.
  const query = algorithm === "sha256" ? "" : `?digest-algorithm=${algorithm}`;
  const start = `${session.origin}/v2/${repository.repository}/blobs/uploads/${query}`;
  let upload = locationOf(await send("POST", start, 202), session, repository.registry, start, operation);
  try {
    let rest: Uint8Array | undefined;
    if (blob.size <= SMALL_BYTES) rest = await readWhole(blob, open);
    else {
      const patched = await send("PATCH", upload.href, 202, open);
      upload = locationOf(patched, session, repository.registry, upload.href, operation);
    }
    await send("PUT", withDigest(upload, blob), 201, rest);
  } catch (error) {
    await forget(session, upload);
    throw error;
  }
}

async function readWhole(blob: BlobAddress, open: BlobSource): Promise<Uint8Array> {
  const bytes = await readCapped(open(), blob.size);
  if (bytes?.byteLength !== blob.size) throw sizeMismatch(blob, bytes?.byteLength ?? blob.size + 1);
  return bytes;
}

/** The query of a location is the registry's state, spelt as it wants it: ours is put behind. */
function withDigest(location: URL, { digest }: BlobAddress): string {
  return `${location.href}${location.search === "" ? "?" : "&"}digest=${encodeURIComponent(digest)}`;
}

function locationOf(
  response: Response,
  session: Session,
  registry: RegistryName,
  base: string,
  operation: string,
): URL {
  const location = response.headers.get("location");
  if (location === null)
    throw new BadRegistryAnswer({ registry, operation, reason: "its answer names no upload location" });
  const url = uploadLocation(registry, session.origin, base, location);
  url.hash = "";
  return url;
}

async function forget(session: Session, upload: URL): Promise<void> {
  try {
    const call = { method: "DELETE", url: upload.href, action: "push", operation: "cancel upload" } as const;
    await discard(await session.send({ ...call, expect: [204] }, AbortSignal.timeout(CANCEL_MS)));
  } catch {
    // A courtesy: the registry forgets by itself, and the failure that led here is the one to tell.
  }
}

/** A request from memory was repeated already; a stream, and an upload that the registry has lost, were not. */
function isWorthRepeating(error: unknown, streamed: boolean): boolean {
  if (error instanceof RegistryRefused) {
    const { status, errors } = error.context;
    return (
      errors.some(({ code }) => code === "BLOB_UPLOAD_UNKNOWN") || (streamed && isTransientStatus(status))
    );
  }
  if (isTeuError(error) && !(error instanceof RegistryUnavailable)) return false;
  return streamed && isTransientFailure(error);
}
