/**
 * The one root of every error that teu throws, and the closed set of kinds by which a caller decides what to do.
 * Each face (exit status, registry error code, HTTP status) has one table from kind to its own answer.
 */

/** What the caller can do about an error. A closed set: adding one means touching every face's table. */
export type ErrorKind =
  | "invalid"
  | "not-found"
  | "already-exists"
  | "failed-precondition"
  | "permission-denied"
  | "unauthenticated"
  | "unavailable"
  | "exhausted"
  | "cancelled"
  | "unsupported"
  | "data-loss"
  | "internal";

/** Where `code` may be any of ours: what a face catches. */
export type AnyTeuError = TeuError<string, Record<string, unknown>>;

/**
 * An error with a stable `code` (what happened), a `kind` (what to do), a `context` (the values) and a `cause`.
 * Nobody matches on `message`: it is for people.
 */
export class TeuError<Code extends string, Context extends object = Record<string, never>> extends Error {
  readonly code: Code;
  readonly kind: ErrorKind;
  readonly context: Readonly<Context>;
  /** What to do next, in one sentence, if we know; faces print it as a second line. */
  readonly hint: string | undefined;

  constructor(
    code: Code,
    kind: ErrorKind,
    context: Context,
    message: string,
    options?: { cause?: unknown; hint?: string },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    // Minified class names are meaningless, so the name is the stable code.
    this.name = code;
    this.code = code;
    this.kind = kind;
    this.context = context;
    this.hint = options?.hint;
  }
}

/** Whether `error` is one of ours. */
export function isTeuError(error: unknown): error is AnyTeuError {
  return error instanceof TeuError;
}

/** Whether `error` is one of ours with this stable code. */
export function hasCode(error: unknown, code: string): error is AnyTeuError {
  return isTeuError(error) && error.code === code;
}

/** The text of anything that was thrown, for a message or a log field. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What was asked for is part of a specification but not built yet, or not possible on this machine; never ignored silently. */
export class Unsupported extends TeuError<"unsupported", { what: string; why: string }> {
  constructor(context: { what: string; why: string }, options?: { cause?: unknown; hint?: string }) {
    super("unsupported", "unsupported", context, `Unsupported ${context.what}: ${context.why}`, options);
  }
}
