/**
 * References: the whole name of an image, as docker's users write it and as registries need it.
 * Source: distribution-spec spec.md, Pulling manifests (name and tag grammar, the cap of 255 characters);
 * distribution/reference (domain grammar, docker's normalisation).
 */
import { type Brand, TeuError } from "../base/index.ts";
import { type Digest, isDigest } from "./digest.ts";

/** `host` or `host:port` of a registry, as a reference names it (`docker.io`, not the host that answers for it). */
export type RegistryName = Brand<string, "RegistryName">;
/** The path of a repository on its registry: `library/debian`. */
export type RepositoryName = Brand<string, "RepositoryName">;
/** The movable part of a reference. */
export type Tag = Brand<string, "Tag">;

/** The whole name of an image. At least one of `tag` and `digest` is there; when both are, the digest decides. */
export interface Reference {
  readonly registry: RegistryName;
  readonly repository: RepositoryName;
  readonly tag: Tag | undefined;
  readonly digest: Digest | undefined;
}

/** The text does not name an image. */
export class InvalidReference extends TeuError<"invalid-reference", { text: string; reason: string }> {
  constructor(context: { text: string; reason: string }) {
    super(
      "invalid-reference",
      "invalid",
      context,
      `Invalid reference ${JSON.stringify(context.text)}: ${context.reason}`,
    );
  }
}

/** The registry of a name that does not begin with one. */
export const DEFAULT_REGISTRY = "docker.io" as RegistryName;
/** The tag of a name that has neither tag nor digest. */
export const DEFAULT_TAG = "latest" as Tag;

/** What skopeo and browsers have before it. */
const SCHEME = /^[a-z][a-z-]*:\/\//;
const MAX_NAME = 255;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const DOMAIN = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*$/;
const HOST_AND_PORT = /^(\[[^\]]*\]|[^:]*)(?::([0-9]{1,5}))?$/;
const IMAGE_ID = /^[a-f0-9]{64}$/;

/** Whether `text` is a repository's path: lower-case components joined by `/`. */
export function isRepositoryName(text: string): text is RepositoryName {
  return text.length <= MAX_NAME && text.split("/").every((component) => COMPONENT.test(component));
}

/** Whether `text` is a tag. */
export function isTag(text: string): text is Tag {
  return TAG.test(text);
}

/** Whether `text` is a host (name, IPv4 address or bracketed IPv6 address) with an optional port. */
export function isRegistryName(text: string): text is RegistryName {
  const [, host, port] = HOST_AND_PORT.exec(text) ?? [];
  if (host === undefined || text.length > MAX_NAME) return false;
  if (port !== undefined && Number(port) > 65535) return false;
  return host.startsWith("[") ? isIPv6(host.slice(1, -1)) : DOMAIN.test(host);
}

/** A zone (`%eth0`) means nothing to anybody else, so it is no part of a name. */
function isIPv6(text: string): boolean {
  // Loaded here, since it takes 2 ms and hardly any name needs it.
  return process.getBuiltinModule("node:net").isIPv6(text) && !text.includes("%");
}

/**
 * Parses what a user writes: `debian`, `user/app:1.0`, `localhost:5000/a@sha256:…`.
 * A first component is a registry if it holds a `.`, a `:` or an upper-case letter, or is `localhost`; otherwise the
 * registry is docker.io, where a name of one component lies below `library/`. Without tag and digest the tag is `latest`.
 * @throws {InvalidReference}
 */
export function parseReference(text: string): Reference {
  // Docker refuses these too: they would be mistaken for an image's ID wherever both may stand.
  if (IMAGE_ID.test(text))
    throw new InvalidReference({ text, reason: "64 hex digits name an image by its ID" });
  const { name, tag, digest } = splitName(text);
  const { registry, path } = splitRegistry(name);
  const scheme = SCHEME.exec(text)?.[0];
  if (scheme !== undefined)
    throw new InvalidReference({ text, reason: `it is written without ${JSON.stringify(scheme)}` });
  if (!isRegistryName(registry))
    throw new InvalidReference({ text, reason: `${JSON.stringify(registry)} is no host[:port]` });
  if (!isRepositoryName(path)) throw new InvalidReference({ text, reason: whyNoRepository(path) });
  if (registry.length + 1 + path.length > MAX_NAME)
    throw new InvalidReference({ text, reason: `registry and repository exceed ${MAX_NAME} characters` });
  if (tag !== undefined && !isTag(tag))
    throw new InvalidReference({ text, reason: `${JSON.stringify(tag)} is no tag` });
  if (digest !== undefined && !isDigest(digest))
    throw new InvalidReference({ text, reason: `${JSON.stringify(digest)} is no digest` });
  return { registry, repository: path, tag: tag ?? (digest === undefined ? DEFAULT_TAG : undefined), digest };
}

/** The one spelling of a reference: `docker.io/library/debian:12`. `parseReference()` of it gives the same value. */
export function encodeReference(reference: Reference): string {
  return `${reference.registry}/${reference.repository}${suffix(reference)}`;
}

/**
 * The spelling that docker shows to people: without `docker.io/` and `library/`, as far as the rest still names the
 * same (`docker.io/docker.io/a` and `library/a/b` would not).
 */
export function familiarReference(reference: Reference): string {
  const { registry, repository } = reference;
  for (const short of [repository.replace(/^library\//, ""), repository]) {
    const again = splitRegistry(short);
    if (again.registry === registry && again.path === repository) return `${short}${suffix(reference)}`;
  }
  return encodeReference(reference);
}

function suffix({ tag, digest }: Reference): string {
  return `${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/** Cuts tag and digest off; a `:` before the last `/` belongs to a port. */
function splitName(text: string): { name: string; tag: string | undefined; digest: string | undefined } {
  const at = text.indexOf("@");
  const named = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const colon = named.indexOf(":", named.lastIndexOf("/") + 1);
  if (colon < 0) return { name: named, tag: undefined, digest };
  return { name: named.slice(0, colon), tag: named.slice(colon + 1), digest };
}

function splitRegistry(name: string): { registry: string; path: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const isHost = slash > 0 && (/[.:A-Z]/.test(first) || first === "localhost");
  const registry = isHost ? first : DEFAULT_REGISTRY;
  const path = isHost ? name.slice(slash + 1) : name;
  if (registry !== DEFAULT_REGISTRY && registry !== "index.docker.io") return { registry, path };
  return { registry: DEFAULT_REGISTRY, path: path === "" || path.includes("/") ? path : `library/${path}` };
}

function whyNoRepository(path: string): string {
  if (path === "") return "the repository is empty";
  if (path.length > MAX_NAME) return `registry and repository exceed ${MAX_NAME} characters`;
  if (path !== path.toLowerCase()) return `repository ${JSON.stringify(path)} must be lower case`;
  return `${JSON.stringify(path)} is no repository name`;
}
