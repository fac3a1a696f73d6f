/** What can go wrong with a layer, an image and an archive of images. */
import { type ErrorKind, TeuError } from "../base/index.ts";
import type { ByteString } from "./byte-string.ts";
import { decodeName } from "./byte-string.ts";

/** A member of the layer asks for what no layer may. `path` is the member's name. */
export class InvalidLayer extends TeuError<"invalid-layer", { path: string; why: string }> {
  constructor(context: { path: string; why: string }) {
    super(
      "invalid-layer",
      "invalid",
      context,
      `Cannot unpack ${JSON.stringify(context.path)}: ${context.why}`,
    );
  }
}

/** The layer is larger than it may be. */
export class LayerTooLarge extends TeuError<"layer-too-large", { what: "bytes" | "entries"; limit: number }> {
  constructor(context: { what: "bytes" | "entries"; limit: number }) {
    super(
      "layer-too-large",
      "exhausted",
      context,
      `Cannot unpack layer: it has more than ${context.limit} ${context.what}`,
    );
  }
}

/** The layer unpacks to something else than the image's config says. */
export class DiffIDMismatch extends TeuError<"diff-id-mismatch", { expected: string; actual: string }> {
  constructor(context: { expected: string; actual: string }) {
    super(
      "diff-id-mismatch",
      "data-loss",
      context,
      `Cannot accept layer ${context.expected}: its content hashes to ${context.actual}`,
    );
  }
}

/** The kernel refused an operation of unpacking or packing. */
export class LayerFileFailed extends TeuError<
  "layer-file-failed",
  { operation: string; path: string; errno: string }
> {
  constructor(operation: string, path: string, result: number) {
    const [errno, sentence] = describeErrno(-result);
    const kind = KINDS[errno] ?? "internal";
    super(
      "layer-file-failed",
      kind,
      { operation, path, errno },
      `Cannot ${operation} ${JSON.stringify(path)}: ${sentence}`,
      hintFor(operation, errno),
    );
  }
}

/** What a user namespace has not: ids beyond its own (chown(2)), and marks on a file system without attributes of users (overlayfs.rst, userxattr). */
function hintFor(operation: string, errno: string): { readonly hint?: string } {
  if (operation.startsWith("change owner") && errno === "EINVAL")
    return {
      hint: "As a plain user there are ids as lines in /etc/subuid and /etc/subgid give: see newuidmap(1)",
    };
  if (operation === "mark as opaque" && errno !== "ENOSPC")
    return {
      hint: "The store's file system keeps no extended attributes of users, as tmpfs before Linux 6.6: set TEU_ROOT to a folder on another one",
    };
  return {};
}

const KINDS: Readonly<Record<string, ErrorKind>> = {
  ENOSPC: "exhausted",
  EDQUOT: "exhausted",
  EMFILE: "exhausted",
  ENOENT: "not-found",
  ENOTDIR: "invalid",
  ELOOP: "invalid",
  ENAMETOOLONG: "invalid",
  EINVAL: "invalid",
  EPERM: "permission-denied",
  EACCES: "permission-denied",
  EROFS: "failed-precondition",
  EXDEV: "failed-precondition",
};

function describeErrno(number: number): readonly [name: string, sentence: string] {
  const known = process.getBuiltinModule("node:util").getSystemErrorMap().get(-number);
  return known ?? [`errno ${number}`, `errno ${number}`];
}

/** What `node:fs` threw while it did `operation`, as the same error. */
export function fileFailed(error: unknown, operation: string, path: ByteString): unknown {
  const number = error instanceof Error && "errno" in error ? error.errno : undefined;
  return typeof number === "number" ? new LayerFileFailed(operation, decodeName(path), number) : error;
}

/** Passes a result of `LayerFiles` on. @throws {LayerFileFailed} when it is -errno */
export function check(result: number, operation: string, path: ByteString | string): number {
  if (result < 0) throw new LayerFileFailed(operation, decodeName(path as ByteString), result);
  return result;
}

/** The same for results that are no number when they are right. @throws {LayerFileFailed} */
export function checked<T extends object | string>(
  result: T | number,
  operation: string,
  path: ByteString | string,
): T {
  if (typeof result !== "number") return result;
  throw new LayerFileFailed(operation, decodeName(path as ByteString), result);
}
