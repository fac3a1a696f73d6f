/** Members of the archives that we write: files whose names, owners and times are always the same. */
import { type Digest, digestAlgorithm, digestEncoded, IMAGE_LAYOUT_VERSION } from "../../spec/index.ts";
import { byteString } from "../byte-string.ts";
import { encodeEntry, padding } from "../tar/writer.ts";

/** The content of `oci-layout`. */
export const LAYOUT_FILE: Uint8Array = Buffer.from(
  JSON.stringify({ imageLayoutVersion: IMAGE_LAYOUT_VERSION }),
);

/** Where a blob lies in a layout. */
export function blobName(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestEncoded(digest)}`;
}

/** A whole member of bytes that are at hand, in pieces. */
export function* smallMember(name: string, bytes: Uint8Array): Generator<Uint8Array> {
  yield memberHeader(name, bytes.length);
  yield bytes;
  yield padding(bytes.length);
}

/** The header of a member; its content follows, and then `padding(size)`. */
export function memberHeader(name: string, size: number): Buffer {
  return encodeEntry({
    type: "file",
    name: byteString(name),
    linkName: byteString(""),
    mode: 0o644,
    uid: 0,
    gid: 0,
    size,
    mtime: { seconds: 0, nanoseconds: 0 },
    major: 0,
    minor: 0,
    xattrs: new Map(),
  });
}
