/** A handler whose requests are counted and logged. */
import type { Connection } from "../auth/authenticator.ts";
import type { Handler } from "../handler.ts";
import { DOCKER_SEARCH_PATH, SEARCH_PATH } from "../route.ts";
import type { AccessLog } from "./access-log.ts";
import type { Metrics } from "./metrics.ts";

/** Who watches. */
export interface Observers {
  readonly metrics: Metrics;
  readonly log: AccessLog | undefined;
  /** Whether a proxy in front says, by X-Forwarded-For, whom it speaks for. */
  readonly isForwarded: boolean;
}

/** Wraps `handle`. */
export function observe(handle: Handler, { metrics, log, isForwarded }: Observers): Handler {
  return async (request, connection = {}) => {
    const begin = performance.now();
    metrics.begin();
    // The handler says in it who the caller was.
    const seen: Connection = { ...connection, callers: [] };
    const response = await handle(request, seen);
    const durationMs = performance.now() - begin;
    const { method, url, headers } = request;
    const { status } = response;
    // These say how long a body would be, and have none (RFC 9110, 8.6).
    const hasBody = method !== "HEAD" && status !== 304;
    const bytes = hasBody ? Number(response.headers.get("content-length") ?? 0) : 0;
    const path = pathOf(url);
    metrics.end({ method, route: routeOf(path), status, seconds: durationMs / 1000, bytes });
    log?.add({
      method,
      path,
      status,
      durationMs: Math.round(durationMs * 1000) / 1000,
      bytes,
      caller: seen.callers?.[0] ?? "",
      remote: (isForwarded ? lastForwarded(headers) : undefined) ?? connection.address ?? "",
      userAgent: headers.get("user-agent") ?? "",
    });
    return response;
  };
}

/** The proxy in front appends the address that it saw; what stands before that anybody may have written. */
function lastForwarded(headers: Headers): string | undefined {
  return headers.get("x-forwarded-for")?.split(",").at(-1)?.trim();
}

function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  return start < 0 ? "/" : url.slice(start);
}

/** The kind of endpoint, from the end of the path: few words, whatever clients send. */
function routeOf(path: string): string {
  const question = path.indexOf("?");
  const bare = question < 0 ? path : path.slice(0, question);
  if (bare === "/v2/" || bare === "/v2") return "base";
  if (bare === "/v2/_catalog") return "catalog";
  if (bare === SEARCH_PATH || bare === DOCKER_SEARCH_PATH) return "search";
  if (bare.endsWith("/tags/list")) return "tags";
  const end = bare.lastIndexOf("/");
  const kind = bare.slice(bare.lastIndexOf("/", end - 1) + 1, end);
  if (kind === "manifests" || kind === "referrers") return kind;
  if (kind === "uploads" || (kind === "blobs" && bare.endsWith("/uploads"))) return "uploads";
  return kind === "blobs" ? "blobs" : "other";
}
