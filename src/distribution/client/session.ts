/**
 * Requests to one registry for one repository: authorised, and followed through redirects.
 * Authorization goes to the registry's own origin only, and never again once a redirect has left it.
 * Source: distribution-spec spec.md, API; RFC 9110 section 15.4, redirects.
 */
import { parseDistributionErrors, type RepositoryName } from "../../spec/index.ts";
import { type Action, Authorizer } from "./authorizer.ts";
import { discard, readCapped } from "./body.ts";
import type { CredentialSource } from "./credentials.ts";
import { originOf, redirectTarget } from "./endpoint.ts";
import {
  BadRegistryAnswer,
  RegistryRefused,
  RegistryUnauthenticated,
  RegistryUnavailable,
} from "./errors.ts";
import { type Call, type HTTPSettings, request } from "./http.ts";
import type { Repository } from "./repository.ts";
import { warningsOf } from "./warning.ts";

const MAX_REDIRECTS = 10;
const MAX_ERROR_BODY = 65_536;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** A call with what it needs and which answers it can use. */
export interface SessionCall extends Call {
  readonly action: Action;
  /** Statuses that are given back; any other is an error. */
  readonly expect: readonly number[];
}

/** One registry and one repository, as seen by one client. */
export class Session {
  readonly origin: string;
  readonly #http: HTTPSettings;
  readonly #authorizer: Authorizer;

  /** @param sources  Other repositories of the registry, from which a push takes blobs. */
  constructor(
    http: HTTPSettings,
    repository: Repository,
    scheme: { readonly insecure?: boolean | undefined; readonly secure?: boolean | undefined },
    credentials: CredentialSource,
    sources: readonly RepositoryName[] = [],
  ) {
    this.#http = http;
    this.origin = originOf(repository.registry, scheme.insecure ?? false, scheme.secure);
    this.#authorizer = new Authorizer(http, this.origin, repository.repository, credentials, sources);
  }

  /**
   * Makes `call`; the answer's body is the caller's to read or to cancel.
   * @throws {RegistryRefused} The status is not one of `expect`.
   * @throws {RegistryUnauthenticated | RegistryUnavailable | UntrustedAddress | BadRegistryAnswer}
   */
  async send(call: SessionCall, signal?: AbortSignal): Promise<Response> {
    for (let challenges = 0; ; challenges += 1) {
      const { response, home } = await this.#follow(call, signal);
      if (call.expect.includes(response.status)) return response;
      // A foreign server's challenge is none of our registry's: it would name the thief's realm.
      if (response.status !== 401 || !home) throw await this.#refusal(call, response);
      const challenge = response.headers.get("www-authenticate") ?? "";
      await discard(response);
      if (challenges > 0 && (challenges > 1 || !challenge.includes("insufficient_scope")))
        throw new RegistryUnauthenticated({
          registry: this.#http.registry,
          operation: call.operation,
          reason: "access is denied, or there is no such repository",
        });
      await this.#authorizer.answer(challenge, call.action, call.operation, signal);
      if (typeof call.body === "function") throw this.#spentStream(call);
    }
  }

  async #follow(call: SessionCall, signal?: AbortSignal): Promise<{ response: Response; home: boolean }> {
    let url = call.url;
    let { method, body } = call;
    let home = new URL(url).origin === this.origin;
    for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
      const authorization = home ? this.#authorizer.header(call.action) : undefined;
      const headers = { ...call.headers, ...(authorization === undefined ? {} : { authorization }) };
      const next: Call = { method, url, headers, operation: call.operation, ...(body && { body }) };
      const response = await request(this.#http, next, signal);
      if (home) for (const text of warningsOf(response.headers)) this.#http.onWarning?.(text);
      const location = response.headers.get("location");
      if (!REDIRECTS.has(response.status) || location === null) return { response, home };
      await discard(response);
      if (typeof body === "function") throw this.#spentStream(call);
      const target = redirectTarget(this.#http.registry, url, location);
      home &&= target.origin === this.origin;
      url = target.href;
      // 303 says "look there"; 301 and 302 keep the method for everything but POST, as browsers do.
      if (response.status === 303 || (response.status < 303 && method === "POST")) {
        method = method === "HEAD" ? "HEAD" : "GET";
        body = undefined;
      }
    }
    throw new BadRegistryAnswer({
      registry: this.#http.registry,
      operation: call.operation,
      reason: `more than ${MAX_REDIRECTS} redirects`,
    });
  }

  /** A stream can be sent once; who opened it may open it again, in a new upload. */
  #spentStream(call: SessionCall): RegistryUnavailable {
    const context = { registry: this.#http.registry, operation: call.operation, attempts: 1 };
    return new RegistryUnavailable(context, "it wants a streamed body a second time");
  }

  async #refusal(call: SessionCall, response: Response): Promise<RegistryRefused> {
    const bytes = await readCapped(response.body, MAX_ERROR_BODY).catch(() => undefined);
    const context = {
      registry: this.#http.registry,
      operation: call.operation,
      status: response.status,
      errors: parseDistributionErrors(new TextDecoder().decode(bytes)),
    };
    return new RegistryRefused(context, response.status === 429 ? limitOf(response.headers) : undefined);
  }
}

/** What a registry says of its limit on requests. Source: RFC 9110, Retry-After; Docker Hub, pull usage and limits (`100;w=21600`). */
function limitOf(headers: Headers): string | undefined {
  const [limit = "", windowSeconds] = (headers.get("ratelimit-limit") ?? "").split(/;w=(\d+)/);
  const remaining = headers.get("ratelimit-remaining")?.split(";")[0];
  const after = headers.get("retry-after");
  const parts = [
    /^\d+$/.test(limit)
      ? `Its limit is ${limit} requests${windowSeconds === undefined ? "" : ` in ${windowSeconds} s`}`
      : "",
    remaining !== undefined && /^\d+$/.test(remaining) ? `${remaining} are left` : "",
    after !== null && /^[\w ,:+-]{1,40}$/.test(after)
      ? `try again ${/^\d+$/.test(after) ? `in ${after} s` : `after ${after}`}`
      : "",
  ].filter((part) => part !== "");
  if (parts.length === 0) return undefined;
  return `${parts.join(", ")}; who is logged in may have another`;
}
