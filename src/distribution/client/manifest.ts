/**
 * Gets a manifest or an index as it is stored: exact bytes, checked against the digest that was asked for.
 * Source: distribution-spec spec.md, Pulling manifests; image-spec descriptor.md, verification; CVE-2021-41190 (one
 * document must not be readable as two types).
 */

import { messageOf, Unsupported } from "../../base/index.ts";
import {
  type Digest,
  digestAlgorithm,
  digestOf,
  isDigest,
  isSupportedAlgorithm,
  MAX_MANIFEST_BYTES,
  type ManifestOrIndex,
  parseManifestOrIndex,
  type Tag,
  withoutParameters,
} from "../../spec/index.ts";
import { discard, readCapped } from "./body.ts";
import { BadRegistryAnswer, ManifestDigestMismatch, ManifestNotFound, RegistryRefused } from "./errors.ts";
import type { Repository } from "./repository.ts";
import type { Session } from "./session.ts";

/** A manifest or index with its bytes, which are what its digest names. */
export interface ResolvedManifest {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly bytes: Uint8Array;
  /** What the bytes say. */
  readonly document: ManifestOrIndex;
}

/** What we can use, the most wanted first. */
export const ACCEPT = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/** Docker's manifest version 2, schema 1, signed or not. */
const SCHEMA1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;

/** @throws {ManifestNotFound | ManifestDigestMismatch | BadRegistryAnswer} and whatever `Session.send()` throws. */
export async function getManifest(
  session: Session,
  repository: Repository,
  target: Tag | Digest,
  signal?: AbortSignal,
): Promise<ResolvedManifest> {
  const operation = `pull manifest ${target}`;
  const response = await ask(session, repository, target, operation, signal);
  const bytes = await readManifest(response, repository, operation);
  const digest = checkedDigest(response, repository, target, bytes, operation);
  const document = parse(response, bytes, repository, operation);
  return { mediaType: document.mediaType, digest, size: bytes.byteLength, bytes, document };
}

async function ask(
  session: Session,
  repository: Repository,
  target: Tag | Digest,
  operation: string,
  signal: AbortSignal | undefined,
): Promise<Response> {
  try {
    return await session.send(
      {
        method: "GET",
        url: `${session.origin}/v2/${repository.repository}/manifests/${target}`,
        headers: { accept: ACCEPT },
        action: "pull",
        expect: [200],
        operation,
      },
      signal,
    );
  } catch (error) {
    if (error instanceof RegistryRefused && error.context.status === 404)
      throw new ManifestNotFound({ ...repository, target }, { cause: error });
    throw error;
  }
}

async function readManifest(
  response: Response,
  repository: Repository,
  operation: string,
): Promise<Uint8Array> {
  const announced = Number(response.headers.get("content-length") ?? 0);
  if (announced > MAX_MANIFEST_BYTES) await discard(response);
  const bytes =
    announced > MAX_MANIFEST_BYTES ? undefined : await readCapped(response.body, MAX_MANIFEST_BYTES);
  if (bytes === undefined) throw bad(repository, operation, `it is larger than ${MAX_MANIFEST_BYTES} bytes`);
  return bytes;
}

/** The digest that was asked for; for a tag the one that the registry states, if it is true, else our own. */
function checkedDigest(
  response: Response,
  repository: Repository,
  target: Tag | Digest,
  bytes: Uint8Array,
  operation: string,
): Digest {
  const stated = response.headers.get("docker-content-digest");
  const expected = isDigest(target) ? target : stated !== null && isDigest(stated) ? stated : undefined;
  if (expected === undefined) return digestOf(bytes);
  const algorithm = digestAlgorithm(expected);
  if (!isSupportedAlgorithm(algorithm))
    throw bad(repository, operation, `digests of algorithm ${JSON.stringify(algorithm)} cannot be checked`);
  const actual = digestOf(bytes, algorithm);
  if (actual !== expected) throw new ManifestDigestMismatch({ ...repository, expected, actual });
  return expected;
}

/** The document, which must be what the Content-Type says; a server that says nothing leaves it to the document. */
function parse(
  response: Response,
  bytes: Uint8Array,
  repository: Repository,
  operation: string,
): ManifestOrIndex {
  const type = withoutParameters(response.headers.get("content-type") ?? "");
  if (SCHEMA1.test(type))
    throw new Unsupported({
      what: `manifest type ${type}`,
      why: "this form was retired in 2017; push the image anew",
    });
  try {
    return parseManifestOrIndex(bytes, type);
  } catch (error) {
    throw bad(repository, operation, messageOf(error), error);
  }
}

function bad(
  { registry }: Repository,
  operation: string,
  reason: string,
  cause?: unknown,
): BadRegistryAnswer {
  return new BadRegistryAnswer({ registry, operation, reason }, { cause });
}
