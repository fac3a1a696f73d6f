/**
 * How the registry says no: an HTTP status and a body of error codes.
 * Source: distribution-spec spec.md, Error Codes. Statuses are those that clients expect of each code.
 */
import { type AnyTeuError, type ErrorKind, hasCode, isTeuError, TeuError } from "../../base/index.ts";
import { type DistributionErrorCode, encodeDistributionErrors } from "../../spec/index.ts";

const ANSWERS: Record<DistributionErrorCode, { status: number; kind: ErrorKind; message: string }> = {
  BLOB_UNKNOWN: { status: 404, kind: "not-found", message: "blob unknown to this repository" },
  BLOB_UPLOAD_INVALID: { status: 400, kind: "failed-precondition", message: "blob upload invalid" },
  BLOB_UPLOAD_UNKNOWN: { status: 404, kind: "not-found", message: "blob upload unknown to this repository" },
  DIGEST_INVALID: {
    status: 400,
    kind: "invalid",
    message: "digest is not one, or does not match the content",
  },
  MANIFEST_BLOB_UNKNOWN: {
    status: 400,
    kind: "failed-precondition",
    message: "manifest refers to a blob unknown to this repository",
  },
  MANIFEST_INVALID: { status: 400, kind: "invalid", message: "manifest invalid" },
  MANIFEST_UNKNOWN: { status: 404, kind: "not-found", message: "manifest unknown to this repository" },
  NAME_INVALID: { status: 400, kind: "invalid", message: "invalid repository name" },
  NAME_UNKNOWN: { status: 404, kind: "not-found", message: "repository name not known to this registry" },
  SIZE_INVALID: { status: 400, kind: "invalid", message: "content is not of the length that was announced" },
  UNAUTHORIZED: { status: 401, kind: "unauthenticated", message: "authentication required" },
  DENIED: { status: 403, kind: "permission-denied", message: "access to the resource is denied" },
  UNSUPPORTED: { status: 405, kind: "unsupported", message: "the operation is not supported here" },
  TOOMANYREQUESTS: { status: 429, kind: "exhausted", message: "too many requests" },
  RANGE_INVALID: { status: 416, kind: "invalid", message: "range is out of order" },
  TAG_INVALID: { status: 400, kind: "invalid", message: "invalid tag" },
  PAGINATION_NUMBER_INVALID: { status: 400, kind: "invalid", message: "invalid number of results requested" },
  UNAVAILABLE: { status: 503, kind: "unavailable", message: "the registry cannot serve this now" },
  UNKNOWN: { status: 500, kind: "internal", message: "unknown error" },
};

/** What a refusal may say beyond its code. */
export interface RefusalDetails {
  /** Where the code's usual status does not fit (413 for a manifest too large, say). */
  readonly status?: number;
  readonly message?: string;
  readonly detail?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** The registry declines a request; thrown anywhere below the handler, which turns it into the response. */
export class Refusal extends TeuError<
  "registry-refusal",
  { errorCode: DistributionErrorCode; status: number }
> {
  readonly #details: RefusalDetails;

  constructor(errorCode: DistributionErrorCode, details: RefusalDetails = {}) {
    const { status, kind, message } = ANSWERS[errorCode];
    super(
      "registry-refusal",
      kind,
      { errorCode, status: details.status ?? status },
      `Cannot serve the request: ${details.message ?? message}`,
      { cause: details.cause },
    );
    this.#details = details;
  }

  /** The response that says so. */
  toResponse(): Response {
    const { errorCode, status } = this.context;
    const { message = ANSWERS[errorCode].message, detail, headers } = this.#details;
    return new Response(encodeDistributionErrors([{ code: errorCode, message, detail }]), {
      status,
      headers: { "content-type": "application/json", ...headers },
    });
  }
}

/** The face's one table: what an error of a lower layer is to a registry's client. */
const BY_KIND: Partial<Record<ErrorKind, DistributionErrorCode>> = {
  exhausted: "UNAVAILABLE",
  unavailable: "UNAVAILABLE",
  cancelled: "UNAVAILABLE",
  unsupported: "UNSUPPORTED",
};

/** Turns whatever was thrown into a refusal; what it hides (paths, system errors) stays in `cause`. */
export function refusalFrom(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (hasCode(error, "storage-full"))
    return new Refusal("UNAVAILABLE", {
      status: 507,
      message: "no space is left at the registry",
      cause: error,
    });
  if (hasCode(error, "blobs-missing") && Array.isArray(error.context["digests"]))
    return new Refusal("MANIFEST_BLOB_UNKNOWN", {
      detail: error.context["digests"].map((digest: unknown) => ({ digest })),
      cause: error,
    });
  // The registry's own rules: the client is told which.
  if (hasCode(error, "quota-exceeded") || hasCode(error, "tag-immutable") || hasCode(error, "tag-denied"))
    return new Refusal("DENIED", { message: error.message, detail: error.context, cause: error });
  return new Refusal((isTeuError(error) ? codeOf(error) : undefined) ?? "UNKNOWN", { cause: error });
}

function codeOf(error: AnyTeuError): DistributionErrorCode | undefined {
  switch (error.code) {
    case "digest-mismatch":
      return "DIGEST_INVALID";
    case "size-mismatch":
      return "SIZE_INVALID";
    default:
      return BY_KIND[error.kind];
  }
}
