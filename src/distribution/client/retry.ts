/**
 * Which failures are worth another attempt, and how long to wait before it.
 * Source: RFC 9110 section 10.2.3, Retry-After (seconds or a date); distribution-spec spec.md, 429.
 */

/** How often and how patiently. */
export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly attempts: number;
  /** Wait before the second attempt; doubled each time, with up to a quarter added at random. */
  readonly baseMs: number;
  /** Longest wait, also when the registry asks for more: then the answer is given to the caller. */
  readonly maxMs: number;
}

/** Five attempts within about eight seconds, unless the registry asks for longer waits. */
export const DEFAULT_RETRY: RetryPolicy = { attempts: 5, baseMs: 500, maxMs: 60_000 };

const TRANSIENT = new Set([408, 429, 500, 502, 503, 504]);
/** What is wrong with a certificate. */
export const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY|DECRYPT|DECODE)/;
/** Nobody is there, or nobody whom we can talk to: the next attempt would meet the same. */
const FINAL_CODES = /^(ECONNREFUSED|ConnectionRefused|ENOTFOUND|EPROTO|EAI_NONAME|ERR_TLS|ERR_INVALID)/;

/** Whether a registry that answered so may answer better next time. */
export function isTransientStatus(status: number): boolean {
  return TRANSIENT.has(status);
}

/** Whether a request that met this network error may go through next time. */
export function isTransientFailure(error: unknown): boolean {
  const code = failureCode(error);
  return !FINAL_CODES.test(code) && !CERTIFICATE.test(code);
}

/** The system's name for a network error: on the error itself under Bun, on its cause under Node. */
export function failureCode(error: unknown): string {
  for (let at = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth += 1)
    if ("code" in at && typeof at.code === "string") return at.code;
  return "";
}

/**
 * Milliseconds to wait before attempt number `attempt` (2 is the first repetition), or undefined if the registry asks
 * for more than the policy's patience.
 */
export function retryDelay(
  policy: RetryPolicy,
  attempt: number,
  retryAfter: string | null,
): number | undefined {
  const asked = parseRetryAfter(retryAfter);
  if (asked !== undefined) return asked <= policy.maxMs ? asked : undefined;
  const backoff = Math.min(policy.baseMs * 2 ** (attempt - 2), policy.maxMs);
  return backoff * (1 + Math.random() / 4);
}

function parseRetryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}
