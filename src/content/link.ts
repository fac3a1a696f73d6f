/** A blob of another store on the same file system becomes one of ours by a second name of its file. */
import { fstatSync, fsyncSync, linkSync, lstatSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { type Digest, digestAlgorithm, isSupportedAlgorithm } from "../spec/index.ts";
import { openBlobFile } from "./blob-file.ts";
import { blobStream } from "./blob-stream.ts";
import { syncFolder } from "./durable.ts";
import { DigestMismatch, errnoOf, writeError } from "./errors.ts";
import { verified } from "./verified.ts";

/** What stands in the way of a link, and not of a copy. */
const TO_BE_COPIED: ReadonlySet<string> = new Set(["EXDEV", "EPERM", "EMLINK", "EOPNOTSUPP"]);

/** Links `file` to `target`, once its bytes are known to be those and to be on disk. @returns whether it did */
export async function linkBlob(
  file: string,
  { digest, size }: { readonly digest: Digest; readonly size: number },
  target: string,
): Promise<boolean> {
  const status = lstatSync(file, { throwIfNoEntry: false });
  if (status?.isFile() !== true || status.size !== size) return false;
  // Told before all of it is hashed.
  if (status.dev !== lstatSync(dirname(target)).dev) return false;
  if (!isSupportedAlgorithm(digestAlgorithm(digest))) return false;
  const blob = openBlobFile(file, digest);
  const { ino } = fstatSync(blob.descriptor);
  fsyncSync(blob.descriptor);
  try {
    for await (const _ of verified(blobStream(blob, 0, blob.size), digest));
    linkSync(file, target);
    if (lstatSync(target).ino !== ino) {
      unlinkSync(target);
      return false;
    }
    syncFolder(dirname(target));
    return true;
  } catch (error) {
    if (error instanceof DigestMismatch) return false;
    const code = errnoOf(error) ?? "";
    if (code === "EEXIST") return true; // somebody else was first, with the same content
    if (TO_BE_COPIED.has(code)) return false;
    throw writeError(error, dirname(target));
  }
}
