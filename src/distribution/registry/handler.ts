/**
 * The registry as a function from request to response; sockets are somebody else's.
 * Source: distribution-spec spec.md, Endpoints.
 */

import type { RepositoryName } from "../../spec/index.ts";
import type { Access } from "./auth/access.ts";
import { type Connection, TOKEN_PATH } from "./auth/authenticator.ts";
import type { Caller } from "./auth/caller.ts";
import type { TokenService } from "./auth/token-service.ts";
import { appendToUpload, beginUpload, cancelUpload, finishUpload, uploadStatus } from "./blob-push.ts";
import { deleteBlob, getBlob } from "./blobs.ts";
import type { PullThrough } from "./cache/pull-through.ts";
import { answerDockerPing, searchAsDocker } from "./docker-search.ts";
import { deleteManifest, getManifest, putManifest } from "./manifests.ts";
import { listReferrers } from "./referrers.ts";
import { Refusal, refusalFrom } from "./refusal.ts";
import { parseRoute, type Route } from "./route.ts";
import type { Storage } from "./storage/storage.ts";
import { listRepositories, listTags, searchRepositories } from "./tags.ts";
import type { Uploads } from "./uploads.ts";

/** What a handler works on and whom it tells. */
export interface HandlerOptions {
  readonly storage: Storage;
  readonly uploads: Uploads;
  readonly cache: PullThrough;
  readonly access: Access;
  /** Nothing may be changed. */
  readonly isReadOnly: boolean;
  /** Answers at the token endpoint; without it there is none. */
  readonly tokens?: TokenService | undefined;
  /** Texts for whoever uses a repository. */
  readonly warnings?: ((repository: RepositoryName) => readonly string[]) | undefined;
  /** Told of failures that are ours (status 500 and above); clients see only their code. */
  readonly onError?: (error: unknown, request?: Request) => void;
}

/** Answers every request; never rejects. */
export type Handler = (request: Request, connection?: Connection) => Promise<Response>;

/** Docker's clients look for it before they believe that this is a registry. */
const API_VERSION = ["docker-distribution-api-version", "registry/2.0"] as const;

/** Makes the handler. */
export function makeHandler(options: HandlerOptions): Handler {
  return async (request, connection) => {
    let response: Response;
    try {
      refuseWebPages(request);
      const { path, query } = splitURL(request.url);
      if (path === TOKEN_PATH && options.tokens !== undefined) return await options.tokens.answer(request);
      const named = parseRoute(request.method, path);
      const namespace = isReading(request) ? query.get("ns") : null;
      const route = namespace === null ? named : routeIn(options.cache, namespace, named);
      if (options.isReadOnly && !isReading(request)) throw new Refusal("UNSUPPORTED", READ_ONLY);
      if ("repository" in route && !isReading(request) && options.cache.has(route.repository))
        throw new Refusal("DENIED", {
          message: "this repository is an upstream's: nothing is pushed or deleted here",
        });
      const caller = await options.access.require(request, route, query, connection);
      connection?.callers?.push(caller.name);
      response = await dispatch(options, route, query, request, caller);
      // It says that the answer is of that registry, and not of whichever has such a repository.
      if (namespace !== null && route !== named) response.headers.set("oci-namespace", namespace);
      if (options.warnings !== undefined && "repository" in route)
        for (const text of options.warnings(route.repository))
          response.headers.append("warning", `299 - "${text}"`);
    } catch (error) {
      const refusal = refusalFrom(error);
      if (refusal.context.status >= 500) options.onError?.(error, request);
      response = refusal.toResponse();
    }
    response.headers.set(...API_VERSION);
    return response;
  };
}

/**
 * The route as a mirror of `namespace` has it: containerd asks mirrors for `library/debian` with `ns=docker.io`. A registry without
 * upstreams is no mirror, and is asked for what it has; one that has others does not answer for this one.
 * Source: distribution-spec spec.md, Registry Proxying; containerd docs/hosts.md.
 */
function routeIn(cache: PullThrough, namespace: string, route: Route): Route {
  if (cache.isEmpty || !("repository" in route)) return route;
  const repository = cache.nameHere(namespace, route.repository);
  if (repository !== undefined) return { ...route, repository };
  throw new Refusal("NAME_UNKNOWN", { message: "no upstream of this name", detail: { ns: namespace } });
}

/**
 * A page in somebody's browser can reach a registry on loopback, by a form or by DNS rebinding. Browsers say so when a
 * page changes something, and no client of registries does.
 */
function refuseWebPages(request: Request): void {
  if (!isReading(request) && request.headers.has("origin"))
    throw new Refusal("DENIED", { message: "a web page may change nothing here" });
}

function isReading({ method }: Request): boolean {
  return method === "GET" || method === "HEAD";
}

const READ_ONLY = { message: "the registry is read-only", headers: { allow: "HEAD, GET" } };

function dispatch(
  { uploads, storage, cache }: HandlerOptions,
  route: Route,
  query: URLSearchParams,
  request: Request,
  caller: Caller,
): Response | Promise<Response> {
  switch (route.kind) {
    case "base":
      return allow(request, { GET: () => Response.json({}) });
    case "catalog":
      return allow(request, { GET: () => listRepositories(storage.metadata, query, caller) });
    case "search":
      return allow(request, { GET: () => searchRepositories(storage.metadata, query, caller) });
    case "docker-search":
      return allow(request, { GET: () => searchAsDocker(storage.metadata, query, caller) });
    case "docker-ping":
      return allow(request, { GET: answerDockerPing });
    case "tags":
      return allow(request, {
        GET: async () =>
          listTags(storage.metadata, route.repository, query, await cache.tags(route.repository)),
      });
    case "referrers":
      return allow(request, {
        GET: async () => {
          const { repository, subject } = route;
          const there = await cache.referrers(repository, subject);
          return await listReferrers(storage.metadata, repository, subject, query, there);
        },
      });
    case "manifest":
      return dispatchManifest(storage, cache, route, query, request, caller);
    case "blob":
      return allow(request, {
        GET: () => getBlob(storage, cache, route.repository, route.digest, request),
        DELETE: () => deleteBlob(storage, route.repository, route.digest),
      });
    case "uploads":
      return allow(request, {
        POST: () => beginUpload(storage, uploads, route.repository, query, request, caller),
      });
    case "upload":
      return dispatchUpload(storage, uploads, route, query, request, caller);
    default:
      return route satisfies never;
  }
}

function dispatchManifest(
  storage: Storage,
  cache: PullThrough,
  { repository, target }: Route & { kind: "manifest" },
  query: URLSearchParams,
  request: Request,
  caller: Caller,
): Response | Promise<Response> {
  return allow(request, {
    GET: () => getManifest(storage, cache, repository, target, request),
    PUT: () => putManifest(storage, repository, target, query, request, caller),
    DELETE: () => deleteManifest(storage, repository, target),
  });
}

function dispatchUpload(
  storage: Storage,
  uploads: Uploads,
  { repository, id }: Route & { kind: "upload" },
  query: URLSearchParams,
  request: Request,
  caller: Caller,
): Response | Promise<Response> {
  const key = { repository, id, owner: caller.name };
  return allow(request, {
    GET: () => uploadStatus(uploads, key),
    PATCH: () => appendToUpload(storage, uploads, key, request),
    PUT: () => finishUpload(storage, uploads, key, query, request),
    DELETE: () => cancelUpload(uploads, key),
  });
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Runs what stands at the request's method; where there is GET there is HEAD. */
function allow(
  request: Request,
  methods: Partial<Record<Method, () => Response | Promise<Response>>>,
): Response | Promise<Response> {
  const method = request.method === "HEAD" ? "GET" : request.method;
  const answer = Object.hasOwn(methods, method) ? methods[method as Method] : undefined; // one of ours, as just checked
  if (answer !== undefined) return answer();
  const allowed = Object.keys(methods);
  if (allowed.includes("GET")) allowed.unshift("HEAD");
  throw new Refusal("UNSUPPORTED", { headers: { allow: allowed.join(", ") } });
}

/** `new URL()` would cost more than the whole rest of a pull; of a request's URL only the end matters. */
function splitURL(url: string): { path: string; query: URLSearchParams } {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const path = start < 0 ? "/" : url.slice(start);
  const question = path.indexOf("?");
  if (question < 0) return { path, query: NO_QUERY };
  return { path: path.slice(0, question), query: new URLSearchParams(path.slice(question + 1)) };
}

/** Nobody writes to a query. */
const NO_QUERY = new URLSearchParams();
