/** What can go wrong between us and a registry, by what the caller can do about it. */
import { type ErrorKind, TeuError } from "../../base/index.ts";
import type { Descriptor, Digest, DistributionError } from "../../spec/index.ts";

/** The registry could not be reached, or every attempt ended in its failure; `cause` holds what each attempt met. */
export class RegistryUnavailable extends TeuError<
  "registry-unavailable",
  { registry: string; operation: string; attempts: number }
> {
  constructor(
    context: { registry: string; operation: string; attempts: number },
    reason: string,
    options?: { cause?: unknown; hint?: string },
  ) {
    const tries = context.attempts > 1 ? ` after ${context.attempts} attempts` : "";
    super(
      "registry-unavailable",
      "unavailable",
      context,
      `Cannot ${context.operation} at registry ${JSON.stringify(context.registry)}${tries}: ${reason}`,
      options,
    );
  }
}

/** The registry answered, and the answer is no. */
export class RegistryRefused extends TeuError<
  "registry-refused",
  { registry: string; operation: string; status: number; errors: readonly DistributionError[] }
> {
  constructor(
    context: {
      registry: string;
      operation: string;
      status: number;
      errors: readonly DistributionError[];
    },
    hint?: string,
  ) {
    super(
      "registry-refused",
      kindOfStatus(context.status),
      context,
      `Cannot ${context.operation} at registry ${JSON.stringify(context.registry)}: ${describe(context)}`,
      hint === undefined ? {} : { hint },
    );
  }
}

/** The registry wants to know who we are, and what we can tell does not satisfy it. */
export class RegistryUnauthenticated extends TeuError<
  "registry-unauthenticated",
  { registry: string; operation: string; reason: string }
> {
  constructor(context: { registry: string; operation: string; reason: string }) {
    super(
      "registry-unauthenticated",
      "unauthenticated",
      context,
      `Cannot ${context.operation} at registry ${JSON.stringify(context.registry)}: ${context.reason}`,
      { hint: `Log in to ${context.registry} first (docker login, skopeo login)` },
    );
  }
}

/** The registry sent us to an address to which we carry neither requests nor credentials. */
export class UntrustedAddress extends TeuError<
  "untrusted-address",
  { registry: string; role: string; address: string; reason: string }
> {
  constructor(context: { registry: string; role: string; address: string; reason: string }) {
    super(
      "untrusted-address",
      "permission-denied",
      context,
      `Cannot follow ${context.role} ${JSON.stringify(context.address)} of registry ${JSON.stringify(context.registry)}: ${context.reason}`,
    );
  }
}

/** The registry's answer breaks the protocol; trying again would bring the same. */
export class BadRegistryAnswer extends TeuError<
  "bad-registry-answer",
  { registry: string; operation: string; reason: string }
> {
  constructor(
    context: { registry: string; operation: string; reason: string },
    options?: { cause?: unknown },
  ) {
    super(
      "bad-registry-answer",
      "internal",
      context,
      `Cannot ${context.operation} at registry ${JSON.stringify(context.registry)}: ${context.reason}`,
      options,
    );
  }
}

/** The registry has no manifest of this name: no such image. */
export class ManifestNotFound extends TeuError<
  "manifest-not-found",
  { registry: string; repository: string; target: string }
> {
  constructor(
    context: { registry: string; repository: string; target: string },
    options?: { cause?: unknown },
  ) {
    const { registry, repository, target } = context;
    const name = `${registry}/${repository}${target.includes(":") ? "@" : ":"}${target}`;
    super(
      "manifest-not-found",
      "not-found",
      context,
      `Cannot pull ${name}: no such image at the registry`,
      options,
    );
  }
}

/** A manifest does not hash to the digest that was asked for or stated. Not retried: content is wrong. */
export class ManifestDigestMismatch extends TeuError<
  "manifest-digest-mismatch",
  { registry: string; repository: string; expected: Digest; actual: Digest }
> {
  constructor(context: { registry: string; repository: string; expected: Digest; actual: Digest }) {
    super(
      "manifest-digest-mismatch",
      "data-loss",
      context,
      `Cannot accept manifest ${context.expected} of ${context.registry}/${context.repository}: its content hashes to ${context.actual}`,
    );
  }
}

/** The image exists, but not for this platform. */
export class NoSuchPlatform extends TeuError<
  "no-such-platform",
  { digest: Digest; wanted: string; available: readonly string[] }
> {
  constructor(context: { digest: Digest; wanted: string; available: readonly string[] }) {
    const there = context.available.length === 0 ? "nothing" : context.available.join(", ");
    super(
      "no-such-platform",
      "not-found",
      context,
      `Cannot pull ${context.digest} for ${context.wanted}: the index has ${there}`,
    );
  }
}

/** The store lacks parts of what is to be pushed: an index that was pulled for some of its platforms, as a rule. */
export class IncompleteImage extends TeuError<
  "incomplete-image",
  { digest: Digest; missing: readonly Digest[]; present: readonly Descriptor[] }
> {
  /** `present` are the root's children that are whole. */
  constructor(context: { digest: Digest; missing: readonly Digest[]; present: readonly Descriptor[] }) {
    super(
      "incomplete-image",
      "failed-precondition",
      context,
      `Cannot push ${context.digest}: ${context.missing.length} of the blobs that it refers to are not here, ${context.missing[0]} for one`,
      { hint: "Pull the image for all its platforms, or push one of them by its digest" },
    );
  }
}

function kindOfStatus(status: number): ErrorKind {
  switch (status) {
    case 400:
    case 416:
      return "invalid";
    case 401:
      return "unauthenticated";
    case 403:
      return "permission-denied";
    case 404:
      return "not-found";
    case 405:
    case 406:
    case 415:
    case 501:
      return "unsupported";
    case 413:
    case 429:
    case 507:
      return "exhausted";
    default:
      return status >= 500 ? "unavailable" : "failed-precondition";
  }
}

function describe({ status, errors }: { status: number; errors: readonly DistributionError[] }): string {
  const said = errors.map(({ code, message }) => (message === undefined ? code : `${code}: ${message}`));
  return [`status ${status}`, ...said].join(", ");
}
