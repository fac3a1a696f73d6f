/**
 * Gets a manifest or an index as it is stored: exact bytes, checked against the digest that was asked for.
 * Source: distribution-spec spec.md, Pulling manifests; image-spec descriptor.md, verification; CVE-2021-41190 (one
 * document must not be readable as two types).
 */
import {
  type Digest,
  digestAlgorithm,
  digestOf,
  isDigest,
  isSupportedAlgorithm,
  type Tag,
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
}

/** What we can use, the most wanted first. */
export const ACCEPT = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/** The largest manifest that we take, which is also the largest that registries must. */
export const MAX_MANIFEST = 4 << 20;

/** Types by which a server says that it does not know. */
const UNTYPED = new Set(["", "application/json", "application/octet-stream", "text/plain"]);

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
  const mediaType = mediaTypeOf(response, bytes);
  if (typeof mediaType === "object") throw bad(repository, operation, mediaType.wrong);
  return { mediaType, digest, size: bytes.byteLength, bytes };
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
  if (announced > MAX_MANIFEST) await discard(response);
  const bytes = announced > MAX_MANIFEST ? undefined : await readCapped(response.body, MAX_MANIFEST);
  if (bytes === undefined) throw bad(repository, operation, `it is larger than ${MAX_MANIFEST} bytes`);
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

function mediaTypeOf(response: Response, bytes: Uint8Array): string | { wrong: string } {
  const header = (response.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return { wrong: "it is not JSON" };
  }
  if (typeof document !== "object" || document === null || Array.isArray(document))
    return { wrong: "it is not an object" };
  const fields = document as Record<string, unknown>; // an object, as just checked
  const stated = typeof fields["mediaType"] === "string" ? fields["mediaType"] : "";
  if (!UNTYPED.has(header)) {
    if (stated !== "" && stated !== header)
      return {
        wrong: `it calls itself ${JSON.stringify(stated)}, and the registry calls it ${JSON.stringify(header)}`,
      };
    return header;
  }
  if (stated !== "") return stated;
  if (Array.isArray(fields["manifests"])) return "application/vnd.oci.image.index.v1+json";
  if (Array.isArray(fields["layers"])) return "application/vnd.oci.image.manifest.v1+json";
  return { wrong: "it has no media type" };
}

function bad({ registry }: Repository, operation: string, reason: string): BadRegistryAnswer {
  return new BadRegistryAnswer({ registry, operation, reason });
}
