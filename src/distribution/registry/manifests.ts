/**
 * Manifests and indexes: exact bytes in, exact bytes out.
 * Source: distribution-spec spec.md, Pulling manifests, Pushing manifests, Deleting tags and manifests.
 * A pull is one query and one small file, read synchronously, where a promise would take ten times as long; what was asked for
 * lately is in memory.
 */
import { messageOf } from "../../base/index.ts";
import {
  type Annotations,
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
import type { Caller } from "./auth/caller.ts";
import type { PullThrough } from "./cache/pull-through.ts";
import { Refusal } from "./refusal.ts";
import { readBody } from "./request-body.ts";
import type { TagOrDigest } from "./route.ts";
import type { Metadata, NewManifest } from "./storage/metadata.ts";
import { type Storage, storeBytes } from "./storage/storage.ts";
import { release } from "./upkeep/sweep.ts";

/** More tags in one request than a request's line should hold. */
const MAX_TAGS = 46;

/** GET and HEAD /v2/<name>/manifests/<tag or digest> */
export async function getManifest(
  { manifests, metadata, pulls }: Storage,
  cache: PullThrough,
  name: RepositoryName,
  target: TagOrDigest,
  request: Request,
): Promise<Response> {
  await cache.refresh(name, target);
  const link = await metadata.manifest(name, target);
  if (link === undefined) throw await unknown(metadata, name, target);
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
  pulls.note(name, link.digest);
  return new Response(manifests.read(link.digest), { headers });
}

/** PUT /v2/<name>/manifests/<tag or digest> */
export async function putManifest(
  { content, metadata, pins }: Storage,
  name: RepositoryName,
  target: TagOrDigest,
  query: URLSearchParams,
  request: Request,
  caller: Caller,
): Promise<Response> {
  const tags = tagsOf(target, query);
  const bytes = await readBody(request, MAX_MANIFEST_BYTES, tooLarge);
  const document = parse(bytes, request);
  const digest = digestFor(target, bytes);
  const manifest = describeManifest(
    { mediaType: document.mediaType, digest, size: bytes.byteLength },
    document,
  );
  await metadata.requireRoom(name, bytes.byteLength);
  using _pin = pins.hold(digest);
  await storeBytes(content, bytes, digest);
  // Asked again, in the transaction: a body may be held back until somebody else has pushed or deleted the tag.
  const rights = { mayCreate: caller.allows(name, "create"), mayMove: caller.allows(name, "update") };
  await metadata.putManifest(name, manifest, tags, rights);
  const headers = new Headers({
    location: `/v2/${name}/manifests/${digest}`,
    "docker-content-digest": digest,
  });
  if (manifest.refersTo !== undefined) headers.set("oci-subject", manifest.refersTo.subject);
  if (target.kind === "digest" && tags.length > 0) headers.set("oci-tag", tags.join(", "));
  return new Response(null, { status: 201, headers });
}

/** DELETE /v2/<name>/manifests/<tag or digest> */
export async function deleteManifest(
  storage: Storage,
  name: RepositoryName,
  target: TagOrDigest,
): Promise<Response> {
  const { metadata } = storage;
  const isDone =
    target.kind === "tag"
      ? await metadata.deleteTag(name, target.tag)
      : await metadata.deleteManifest(name, target.digest);
  if (!isDone) throw await unknown(metadata, name, target);
  if (target.kind === "digest") await release(storage, target.digest);
  return new Response(null, { status: 202 });
}

async function unknown(metadata: Metadata, name: RepositoryName, target: TagOrDigest): Promise<Refusal> {
  if (!(await metadata.hasRepository(name))) return new Refusal("NAME_UNKNOWN", { detail: { name } });
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

function isFetchedElsewhere({ mediaType, urls }: Descriptor): boolean {
  return isNondistributableLayer(mediaType) || (urls !== undefined && urls.length > 0);
}

/**
 * What is kept of a manifest. What an image is made of must be here, but for layers that are never pushed. The children of
 * an index need not be: an index may be copied for some of its platforms. Nor does a subject.
 */
export function describeManifest(
  link: { mediaType: string; digest: Digest; size: number },
  document: ManifestOrIndex,
): NewManifest {
  if (document.kind === "index") {
    const { manifests, subject, artifactType, annotations } = document.index;
    const children = manifests.map(({ digest }) => digest);
    return { ...link, children, required: [], ...refersTo(link, subject, artifactType, annotations) };
  }
  const { config, layers, subject, artifactType = config.mediaType, annotations } = document.manifest;
  const blobs = [config, ...layers];
  return {
    ...link,
    children: blobs.map(({ digest }) => digest),
    required: blobs.filter((blob) => !isFetchedElsewhere(blob)).map(({ digest }) => digest),
    ...refersTo(link, subject, artifactType, annotations),
  };
}

/** How the referrers list will describe a manifest, if it is about another. */
function refersTo(
  { mediaType, digest, size }: { mediaType: string; digest: Digest; size: number },
  subject: Descriptor | undefined,
  artifactType: string | undefined,
  annotations: Annotations | undefined,
): Pick<NewManifest, "refersTo"> {
  if (subject === undefined) return {};
  const descriptor = {
    mediaType,
    digest,
    size,
    ...(artifactType && { artifactType }),
    ...(annotations && { annotations }),
  };
  return { refersTo: { subject: subject.digest, descriptor } };
}

function tooLarge(): Refusal {
  return new Refusal("SIZE_INVALID", {
    status: 413,
    message: `a manifest has at most ${MAX_MANIFEST_BYTES} bytes`,
  });
}
