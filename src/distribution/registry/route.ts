/**
 * What a request's path asks for. Paths are read from their end, since a repository's name may itself hold
 * components such as `blobs/uploads` or `manifests`.
 * Source: distribution-spec spec.md, Endpoints (end-1 to end-14).
 */
import {
  type Digest,
  isDigest,
  isRepositoryName,
  isTag,
  type RepositoryName,
  type Tag,
} from "../../spec/index.ts";
import { Refusal } from "./refusal.ts";

/** One endpoint with its names, parsed. */
export type Route =
  | { readonly kind: "base" }
  | { readonly kind: "catalog" }
  | { readonly kind: "search" }
  /** The same as docker and podman ask for it, and what docker asks before it does. */
  | { readonly kind: "docker-search" }
  | { readonly kind: "docker-ping" }
  | { readonly kind: "tags"; readonly repository: RepositoryName }
  | { readonly kind: "manifest"; readonly repository: RepositoryName; readonly target: TagOrDigest }
  | { readonly kind: "blob"; readonly repository: RepositoryName; readonly digest: Digest }
  | { readonly kind: "uploads"; readonly repository: RepositoryName }
  | { readonly kind: "upload"; readonly repository: RepositoryName; readonly id: string }
  | { readonly kind: "referrers"; readonly repository: RepositoryName; readonly subject: Digest };

/** How a manifest is asked for. */
export type TagOrDigest =
  | { readonly kind: "tag"; readonly tag: Tag }
  | { readonly kind: "digest"; readonly digest: Digest };

const PREFIX = "/v2/";
/** Ours: the specification has no search. */
export const SEARCH_PATH = "/_teu/search";
/** Of docker's first registry API, which its clients and podman still use for nothing but this. */
export const DOCKER_SEARCH_PATH = "/v1/search";
const DOCKER_PING_PATH = "/v1/_ping";

/**
 * Parses `path` (without query) of a request with `method`.
 * @throws {Refusal} A name in it breaks its grammar, or nothing lies there.
 */
export function parseRoute(method: string, path: string): Route {
  if (path === "/v2/" || path === "/v2") return { kind: "base" };
  if (path === "/v2/_catalog") return { kind: "catalog" };
  if (path === SEARCH_PATH) return { kind: "search" };
  if (path === DOCKER_SEARCH_PATH) return { kind: "docker-search" };
  if (path === DOCKER_PING_PATH) return { kind: "docker-ping" };
  if (!path.startsWith(PREFIX)) throw nothingAt(path);
  if (path.endsWith("/tags/list"))
    return { kind: "tags", repository: nameOf(path, path.length - "/tags/list".length) };
  if (path.endsWith("/blobs/uploads/"))
    return { kind: "uploads", repository: nameOf(path, path.length - "/blobs/uploads/".length) };
  const last = path.lastIndexOf("/");
  const before = path.lastIndexOf("/", last - 1);
  const word = path.slice(before + 1, last);
  const value = path.slice(last + 1);
  switch (word) {
    case "manifests":
      return {
        kind: "manifest",
        repository: nameOf(path, before),
        target: parseTagOrDigest(method, decode(value)),
      };
    case "blobs":
      return value === "uploads"
        ? { kind: "uploads", repository: nameOf(path, before) }
        : { kind: "blob", repository: nameOf(path, before), digest: parsePathDigest(decode(value)) };
    case "referrers":
      return { kind: "referrers", repository: nameOf(path, before), subject: parsePathDigest(decode(value)) };
    case "uploads": {
      const end = before - "/blobs".length;
      if (end > 0 && path.startsWith("/blobs", end))
        return { kind: "upload", repository: nameOf(path, end), id: value };
      throw nothingAt(path);
    }
    default:
      throw nothingAt(path);
  }
}

/** Parses a digest that a client sent. @throws {Refusal} DIGEST_INVALID */
export function parsePathDigest(text: string): Digest {
  if (!isDigest(text)) throw new Refusal("DIGEST_INVALID", { detail: { digest: text } });
  return text;
}

function parseTagOrDigest(method: string, text: string): TagOrDigest {
  if (isTag(text)) return { kind: "tag", tag: text };
  if (text.includes(":")) return { kind: "digest", digest: parsePathDigest(text) };
  // What can be no tag can be asked for all the same: it is not there.
  throw new Refusal(method === "PUT" ? "TAG_INVALID" : "MANIFEST_UNKNOWN", { detail: { tag: text } });
}

function nameOf(path: string, end: number): RepositoryName {
  const name = decode(path.slice(PREFIX.length, Math.max(end, PREFIX.length)));
  if (!isRepositoryName(name)) throw new Refusal("NAME_INVALID", { detail: { name } });
  return name;
}

/** There are clients that send a digest's colon as %3A. */
function decode(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    // Not percent-encoding: the grammar of what stands here will refuse the text as it is.
    return text;
  }
}

function nothingAt(path: string): Refusal {
  return new Refusal("UNSUPPORTED", {
    status: 404,
    message: "there is nothing at this path",
    detail: { path },
  });
}
