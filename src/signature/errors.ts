/** What goes wrong between an image and its signatures. */
import { TeuError } from "../base/index.ts";

/** The file holds no key that can be used here. */
export class InvalidKey extends TeuError<"invalid-key", { name: string; reason: string }> {
  constructor(context: { name: string; reason: string }, options?: { cause?: unknown; hint?: string }) {
    super(
      "invalid-key",
      "invalid",
      context,
      `Cannot use the key ${JSON.stringify(context.name)}: ${context.reason}`,
      options,
    );
  }
}

/** No signature of the image is one that was asked for; `reasons` has what is wrong with each that there is. */
export class SignatureNotAccepted extends TeuError<
  "signature-not-accepted",
  { image: string; reasons: readonly string[] }
> {
  constructor(context: { image: string; reasons: readonly string[] }) {
    const { image, reasons } = context;
    const shown = [...new Set(reasons)].slice(0, 5);
    super(
      "signature-not-accepted",
      "permission-denied",
      context,
      `Cannot accept ${image}: ${shown.length === 0 ? "it has no signature" : `no signature of it is accepted: ${shown.join("; ")}`}`,
    );
  }
}

/** Signatures beside a registry cannot be read: whether there are some is not known. Or one cannot be put there. */
export class LookasideFailed extends TeuError<"lookaside-failed", { url: string; reason: string }> {
  constructor(
    context: { url: string; reason: string },
    options?: { cause?: unknown },
    action: "read" | "write" = "read",
  ) {
    super(
      "lookaside-failed",
      "unavailable",
      context,
      `Cannot ${action} signatures at ${context.url}: ${context.reason}`,
      options,
    );
  }
}

/** gpg has not signed. */
export class SigningFailed extends TeuError<"signing-failed", { key: string; reason: string }> {
  constructor(context: { key: string; reason: string }, options?: { hint?: string }) {
    super(
      "signing-failed",
      "failed-precondition",
      context,
      `Cannot sign with the key ${JSON.stringify(context.key)}: ${context.reason}`,
      options,
    );
  }
}

/** The signature policy of this machine refuses the image. */
export class PolicyRefused extends TeuError<
  "policy-refused",
  { image: string; policy: string; scope: string; reason: string }
> {
  constructor(
    context: { image: string; policy: string; scope: string; reason: string },
    options?: { cause?: unknown },
  ) {
    const { image, policy, scope, reason } = context;
    super(
      "policy-refused",
      "permission-denied",
      context,
      `Cannot accept ${image}: ${JSON.stringify(policy)} says so for ${scope}: ${reason}`,
      options,
    );
  }
}
