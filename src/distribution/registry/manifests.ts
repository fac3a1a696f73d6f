/**
 * Manifests and indexes: exact bytes in, exact bytes out.
 * Source: distribution-spec spec.md, Pulling manifests, Pushing manifests, Deleting tags and manifests.
 * Nothing is awaited on the way of a pull: it reads three small files.
 */
import { readFileSync } from "node:fs";
import { messageOf } from "../../base/index.ts";
import type { ContentStore } from "../../content/index.ts";
import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestOf,
  isNondistributableLayer,
  isSupportedAlgorithm,
  isTag,
  MAX_MANIFEST_BYTES,
  type ManifestOrIndex,
  mediaTypeKind,
  parseManifestOrIndex,
  type RepositoryName,
  type Tag,
  withoutParameters,
} from "../../spec/index.ts";
import { store } from "./ingest.ts";
import { Refusal } from "./refusal.ts";
import type { ManifestLink, Repositories, Repository } from "./repository.ts";
import { readBody } from "./request-body.ts";
import type { TagOrDigest } from "./route.ts";

/** What a request to the registry works on. */
export interface Stores {
  readonly content: ContentStore;
  readonly repositories: Repositories;
}

/** More tags in one request than a request's line should hold. */
const MAX_TAGS = 46;

/** GET and HEAD /v2/<name>/manifests/<tag or digest> */
export function getManifest(
  stores: Stores,
  name: RepositoryName,
  target: TagOrDigest,
  request: Request,
): Response {
  const link = find(stores.repositories.open(name), target);
  const etag = `"${link.digest}"`;
  const headers = {
    "content-type": link.mediaType,
    "content-length": String(link.size),
    "docker-content-digest": link.digest,
    etag,
  };
  if (request.headers.get("if-none-match") === etag)
    return new Response(null, { status: 304, headers: { etag } });
  if (request.method === "HEAD") return new Response(null, { headers });
  return new Response(readFileSync(stores.content.path(link.digest)), { headers });
}

/** PUT /v2/<name>/manifests/<tag or digest> */
export async function putManifest(
  stores: Stores,
  name: RepositoryName,
  target: TagOrDigest,
  query: URLSearchParams,
  request: Request,
): Promise<Response> {
  const tags = tagsOf(target, query);
  const bytes = await readBody(request, MAX_MANIFEST_BYTES, tooLarge);
  const document = parse(bytes, request);
  const digest = digestFor(target, bytes);
  const repository = stores.repositories.open(name);
  requireBlobs(repository, document);
  const descriptor = { mediaType: document.mediaType, digest, size: bytes.byteLength };
  await store(stores.content, bytes, digest);
  await repository.putManifest(linkOf(descriptor, document), tags);
  const headers = new Headers({
    location: `/v2/${name}/manifests/${digest}`,
    "docker-content-digest": digest,
  });
  const { subject } = document.kind === "index" ? document.index : document.manifest;
  if (subject !== undefined) headers.set("oci-subject", subject.digest);
  if (target.kind === "digest" && tags.length > 0) headers.set("oci-tag", tags.join(", "));
  return new Response(null, { status: 201, headers });
}

/** DELETE /v2/<name>/manifests/<tag or digest> */
export async function deleteManifest(
  stores: Stores,
  name: RepositoryName,
  target: TagOrDigest,
): Promise<Response> {
  const repository = stores.repositories.open(name);
  const found =
    target.kind === "tag"
      ? await repository.deleteTag(target.tag)
      : await repository.deleteManifest(target.digest);
  if (!found) throw unknown(repository, target);
  return new Response(null, { status: 202 });
}

function find(repository: Repository, target: TagOrDigest): ManifestLink {
  const digest = target.kind === "tag" ? repository.tag(target.tag) : target.digest;
  const link = digest === undefined ? undefined : repository.manifest(digest);
  if (link === undefined) throw unknown(repository, target);
  return link;
}

function unknown(repository: Repository, target: TagOrDigest): Refusal {
  if (!repository.exists()) return new Refusal("NAME_UNKNOWN", { detail: { name: repository.name } });
  const { kind, ...detail } = target;
  return new Refusal("MANIFEST_UNKNOWN", { detail });
}

function tagsOf(target: TagOrDigest, query: URLSearchParams): Tag[] {
  if (target.kind === "tag") return [target.tag];
  const tags = query.getAll("tag");
  if (tags.length > MAX_TAGS)
    throw new Refusal("TAG_INVALID", { status: 414, message: `more than ${MAX_TAGS} tags in one request` });
  return tags.map((tag) => {
    if (!isTag(tag)) throw new Refusal("TAG_INVALID", { detail: { tag } });
    return tag;
  });
}

function parse(bytes: Uint8Array, request: Request): ManifestOrIndex {
  const type = withoutParameters(request.headers.get("content-type") ?? "");
  const kind = mediaTypeKind(type);
  if (type !== "" && kind !== "manifest" && kind !== "index")
    throw new Refusal("MANIFEST_INVALID", {
      message: `manifests of type ${JSON.stringify(type)} are not taken`,
    });
  try {
    return parseManifestOrIndex(bytes, type === "" ? undefined : type);
  } catch (error) {
    throw new Refusal("MANIFEST_INVALID", { message: messageOf(error), cause: error });
  }
}

function digestFor(target: TagOrDigest, bytes: Uint8Array): Digest {
  if (target.kind === "tag") return digestOf(bytes);
  const algorithm = digestAlgorithm(target.digest);
  if (!isSupportedAlgorithm(algorithm))
    throw new Refusal("DIGEST_INVALID", { message: `digests of algorithm ${algorithm} cannot be checked` });
  const actual = digestOf(bytes, algorithm);
  if (actual !== target.digest)
    throw new Refusal("DIGEST_INVALID", { detail: { digest: target.digest, actual } });
  return actual;
}

/**
 * What an image is made of must be here, but for layers that are never pushed. The children of an index need not be:
 * an index may be copied for some of its platforms. Nor does a subject.
 */
function requireBlobs(repository: Repository, document: ManifestOrIndex): void {
  if (document.kind === "index") return;
  const { config, layers } = document.manifest;
  const missing = [config, ...layers].filter(
    (blob) => !isFetchedElsewhere(blob) && !repository.hasBlob(blob.digest),
  );
  if (missing.length > 0)
    throw new Refusal("MANIFEST_BLOB_UNKNOWN", { detail: missing.map(({ digest }) => ({ digest })) });
}

function isFetchedElsewhere({ mediaType, urls }: Descriptor): boolean {
  return isNondistributableLayer(mediaType) || (urls !== undefined && urls.length > 0);
}

/** How the referrers list will describe this manifest, if it is about another. */
function linkOf(
  descriptor: { mediaType: string; digest: Digest; size: number },
  document: ManifestOrIndex,
): ManifestLink {
  const { subject, artifactType, annotations } =
    document.kind === "index" ? document.index : document.manifest;
  if (subject === undefined) return descriptor;
  const type =
    artifactType ?? (document.kind === "manifest" ? document.manifest.config.mediaType : undefined);
  return {
    ...descriptor,
    refersTo: {
      subject: subject.digest,
      descriptor: { ...descriptor, ...(type && { artifactType: type }), ...(annotations && { annotations }) },
    },
  };
}

function tooLarge(): Refusal {
  return new Refusal("SIZE_INVALID", {
    status: 413,
    message: `a manifest has at most ${MAX_MANIFEST_BYTES} bytes`,
  });
}
