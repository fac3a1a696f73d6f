/**
 * The error body that registries send and clients read: `{"errors":[{"code","message","detail"}]}`.
 * Source: distribution-spec spec.md, Error Codes; the last four codes are distribution's own, which clients know too.
 */

/** The codes that a registry of ours sends. Another registry may send any. */
export type DistributionErrorCode = (typeof DISTRIBUTION_ERROR_CODES)[number];

/** All codes of the specification (code-1 to code-14) and the customary additions. */
export const DISTRIBUTION_ERROR_CODES = [
  "BLOB_UNKNOWN",
  "BLOB_UPLOAD_INVALID",
  "BLOB_UPLOAD_UNKNOWN",
  "DIGEST_INVALID",
  "MANIFEST_BLOB_UNKNOWN",
  "MANIFEST_INVALID",
  "MANIFEST_UNKNOWN",
  "NAME_INVALID",
  "NAME_UNKNOWN",
  "SIZE_INVALID",
  "UNAUTHORIZED",
  "DENIED",
  "UNSUPPORTED",
  "TOOMANYREQUESTS",
  "RANGE_INVALID",
  "TAG_INVALID",
  "PAGINATION_NUMBER_INVALID",
  "UNAVAILABLE",
  "UNKNOWN",
] as const;

/** One entry of the body. */
export interface DistributionError {
  readonly code: string;
  readonly message: string | undefined;
  readonly detail: unknown;
}

/** Encodes `errors` as a registry's answer. */
export function encodeDistributionErrors(errors: readonly DistributionError[]): string {
  return JSON.stringify({ errors });
}

/**
 * Parses a registry's answer, or gives no entries if it is none (a proxy's HTML page, say): the HTTP status says what
 * happened all the same. Control characters are dropped from what people will read; the text comes from a stranger.
 */
export function parseDistributionErrors(text: string): DistributionError[] {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
  const entries = isRecord(body) ? body["errors"] : undefined;
  return Array.isArray(entries) ? entries.filter(isRecord).map(parseEntry) : [];
}

function parseEntry(entry: Record<string, unknown>): DistributionError {
  const { code, message, detail } = entry;
  return {
    code: typeof code === "string" ? printable(code) : "UNKNOWN",
    message: typeof message === "string" && message !== "" ? printable(message) : undefined,
    detail,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An escape sequence in an error would otherwise command the reader's terminal. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ").slice(0, 1024);
}
