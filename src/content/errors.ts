/** What can go wrong with stored content. */
import { TeuError } from "../base/index.ts";
import type { Digest } from "../spec/index.ts";

/** The store holds no blob of this digest. */
export class BlobNotFound extends TeuError<"blob-not-found", { digest: Digest }> {
  constructor(context: { digest: Digest }) {
    super(
      "blob-not-found",
      "not-found",
      context,
      `Cannot find blob ${context.digest}: it is not in the content store`,
    );
  }
}

/** The bytes do not hash to the digest that was asked for. Not retried: content is wrong. */
export class DigestMismatch extends TeuError<"digest-mismatch", { expected: string; actual: string }> {
  constructor(context: { expected: string; actual: string }) {
    super(
      "digest-mismatch",
      "data-loss",
      context,
      `Cannot accept blob ${context.expected}: its content hashes to ${context.actual}`,
    );
  }
}

/** There are more or fewer bytes than were announced. `actual` is what came before it was clear. */
export class SizeMismatch extends TeuError<
  "size-mismatch",
  { name: string; expected: number; actual: number }
> {
  constructor(context: { name: string; expected: number; actual: number }) {
    const { name, expected, actual } = context;
    const found =
      actual > expected ? `more than ${expected} bytes came` : `${actual} of ${expected} bytes came`;
    super("size-mismatch", "data-loss", context, `Cannot accept blob ${name}: ${found}`);
  }
}

/** A blob that is to be read into memory is larger than it may be. */
export class BlobTooLarge extends TeuError<
  "blob-too-large",
  { digest: Digest; size: number; maxBytes: number }
> {
  constructor(context: { digest: Digest; size: number; maxBytes: number }) {
    const { digest, size, maxBytes } = context;
    super(
      "blob-too-large",
      "invalid",
      context,
      `Cannot read blob ${digest} into memory: it has ${size} bytes, at most ${maxBytes} are read`,
    );
  }
}

/** Content of this algorithm cannot be checked, so it is not stored. */
export class UnsupportedAlgorithm extends TeuError<"unsupported-digest-algorithm", { algorithm: string }> {
  constructor(context: { algorithm: string }) {
    super(
      "unsupported-digest-algorithm",
      "unsupported",
      context,
      `Cannot check content by ${JSON.stringify(context.algorithm)}: only sha256 and sha512 are supported`,
    );
  }
}

/** There is no ingest of this id to go on with. */
export class IngestNotFound extends TeuError<"ingest-not-found", { id: string }> {
  constructor(context: { id: string }) {
    super(
      "ingest-not-found",
      "not-found",
      context,
      `Cannot resume ingest ${JSON.stringify(context.id)}: there is none`,
    );
  }
}

/** Somebody else writes this ingest, or left it: then it is resumed, not begun. */
export class IngestInUse extends TeuError<"ingest-in-use", { id: string; why: "owned" | "exists" }> {
  constructor(context: { id: string; why: "owned" | "exists" }) {
    const why = context.why === "owned" ? "another process is writing it" : "one was begun earlier";
    super(
      "ingest-in-use",
      context.why === "owned" ? "failed-precondition" : "already-exists",
      context,
      `Cannot begin ingest ${JSON.stringify(context.id)}: ${why}`,
    );
  }
}

/** An ingest's name becomes a file name, so it may hold only letters, digits and `. _ : -`. */
export class InvalidIngestID extends TeuError<"invalid-ingest-id", { id: string }> {
  constructor(context: { id: string }) {
    super(
      "invalid-ingest-id",
      "invalid",
      context,
      `Invalid ingest name ${JSON.stringify(context.id)}: wants up to 200 letters, digits and ". _ : -"`,
    );
  }
}

/** The folder is not an image layout that we can use. */
export class InvalidLayout extends TeuError<"invalid-layout", { path: string; why: string }> {
  constructor(context: { path: string; why: string }, options?: { cause?: unknown }) {
    super(
      "invalid-layout",
      "invalid",
      context,
      `Cannot open image layout ${JSON.stringify(context.path)}: ${context.why}`,
      options,
    );
  }
}

/** The file system under the store is full, or our part of it. */
export class StorageFull extends TeuError<"storage-full", { path: string; errno: string }> {
  constructor(context: { path: string; errno: string }, options?: { cause?: unknown }) {
    super(
      "storage-full",
      "exhausted",
      context,
      `Cannot write below ${JSON.stringify(context.path)}: no space is left on the device`,
      { hint: "Free some space, or choose another place with TEU_ROOT", ...options },
    );
  }
}

/** `ENOENT` and the like of an error of `node:fs`. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** What a failed write is for people: the one case that everybody meets gets its own error, the rest stays. */
export function writeError(error: unknown, path: string): unknown {
  const errno = errnoOf(error);
  return errno === "ENOSPC" || errno === "EDQUOT"
    ? new StorageFull({ path, errno }, { cause: error })
    : error;
}
