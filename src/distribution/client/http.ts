/**
 * One request, patiently: network errors and transient answers are tried again with growing waits.
 * Redirects and challenges are the caller's; a body given as a function is a stream and is sent once only.
 */
import { messageOf } from "../../base/index.ts";
import type { RegistryName } from "../../spec/index.ts";
import { discard } from "./body.ts";
import { isLoopback } from "./endpoint.ts";
import { RegistryUnavailable } from "./errors.ts";
import {
  CERTIFICATE,
  failureCode,
  isTransientFailure,
  isTransientStatus,
  type RetryPolicy,
  retryDelay,
} from "./retry.ts";
import { wait } from "./wait.ts";

/** What carries a request to a registry: `fetch`, or a double of it, or one with its own certificates. */
export type Fetch = (request: Request) => Promise<Response>;

/**
 * The platform's `fetch`. What goes to this machine goes there directly: a proxy that the environment names would
 * look for the registry on its own loopback, and would be shown our credentials. Under Node the option means nothing.
 */
export function directFetch(request: Request): Promise<Response> {
  const direct: object = { proxy: false }; // Bun knows it, its types do not
  return isLoopback(new URL(request.url).hostname) ? fetch(request, direct) : fetch(request);
}

/** A body that is all here, or a function that opens a stream. */
export type RequestBody = Uint8Array | (() => ReadableStream<Uint8Array>);

/** How requests to one registry are made. */
export interface HTTPSettings {
  readonly fetch: Fetch;
  readonly registry: RegistryName;
  readonly retry: RetryPolicy;
  readonly userAgent: string;
  /** Longest wait for the head of an answer, in milliseconds; a streamed upload is not bounded by it. */
  readonly headTimeoutMs: number;
  /** Told of each text that the registry wants people to know, as often as it says so. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** One request as we mean it. */
export interface Call {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
  /** For messages: `pull manifest latest`. */
  readonly operation: string;
}

/**
 * Makes `call` and gives the answer, whatever its status; a transient one only when patience is at its end.
 * @throws {RegistryUnavailable} No attempt brought an answer; `cause` holds every attempt's failure.
 * @throws The signal's reason, once it is aborted.
 */
export async function request(settings: HTTPSettings, call: Call, signal?: AbortSignal): Promise<Response> {
  const attempts = typeof call.body === "function" ? 1 : settings.retry.attempts;
  const failures: unknown[] = [];
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    let delay: number | undefined;
    try {
      const response = await once(settings, call, signal);
      if (!isTransientStatus(response.status) || attempt >= attempts) return response;
      delay = retryDelay(settings.retry, attempt + 1, response.headers.get("retry-after"));
      if (delay === undefined) return response;
      failures.push(new Error(`attempt ${attempt}: status ${response.status}`));
      await discard(response);
    } catch (error) {
      signal?.throwIfAborted();
      failures.push(error);
      if (attempt >= attempts || !isTransientFailure(error)) throw unavailable(settings, call, failures);
      delay = retryDelay(settings.retry, attempt + 1, null) ?? 0;
    }
    await wait(delay, signal);
  }
}

async function once(settings: HTTPSettings, call: Call, signal: AbortSignal | undefined): Promise<Response> {
  const timeout = new AbortController();
  const late = (): void => timeout.abort(new Error(`no answer within ${settings.headTimeoutMs} ms`));
  const timer = typeof call.body === "function" ? undefined : setTimeout(late, settings.headTimeoutMs);
  try {
    return await settings.fetch(requestOf(settings, call, signal, timeout.signal));
  } catch (error) {
    throw timeout.signal.aborted ? timeout.signal.reason : error;
  } finally {
    clearTimeout(timer);
  }
}

function requestOf(
  { userAgent }: HTTPSettings,
  { method, url, headers, body }: Call,
  signal: AbortSignal | undefined,
  timeout: AbortSignal,
): Request {
  const opened = typeof body === "function" ? body() : body;
  const init: RequestInit & { duplex?: "half" } = {
    method,
    redirect: "manual",
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    // Content is named by the digest of its bytes as they are: a coding on the way would hide them.
    headers: { "user-agent": userAgent, "accept-encoding": "identity", ...headers },
  };
  if (opened !== undefined) init.body = opened;
  if (typeof body === "function") init.duplex = "half";
  return new Request(url, init);
}

function unavailable(settings: HTTPSettings, call: Call, failures: unknown[]): RegistryUnavailable {
  const last = failures.at(-1);
  const { reason, hint } = explain(last, call.url);
  return new RegistryUnavailable(
    { registry: settings.registry, operation: call.operation, attempts: failures.length },
    reason,
    {
      cause: failures.length === 1 ? last : new AggregateError(failures, "every attempt failed"),
      ...(hint !== undefined && { hint }),
    },
  );
}

function explain(error: unknown, url: Call["url"]): { reason: string; hint?: string } {
  const code = failureCode(error);
  switch (code) {
    case "ECONNREFUSED":
    case "ConnectionRefused":
      return { reason: "connection refused; is it running?" };
    case "ENOTFOUND":
      return { reason: "no such host" };
    case "ECONNRESET":
      return {
        reason: "the connection was reset",
        ...(new URL(url).protocol === "http:" && {
          hint: "If it speaks https, keep its certificate in certs.d, or say --tls-verify=false",
        }),
      };
    case "EPROTO":
      return { reason: "it does not speak https", hint: "If plain http is meant, say --insecure" };
    default: {
      const cause = error instanceof Error && error.cause !== undefined ? `: ${messageOf(error.cause)}` : "";
      const reason = `${messageOf(error)}${cause}`;
      return CERTIFICATE.test(code) ? { reason: `its certificate is not trusted: ${reason}` } : { reason };
    }
  }
}
