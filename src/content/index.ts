/** The blob store: an OCI image layout on disk with crash-safe ingest and resume. */

// The store, its blobs and its index.json.
export { type OpenBlob, openBlobFile } from "./blob-file.ts";
// Where blobs are kept, as an interface.
export type {
  BlobIngest,
  BlobStore,
  Committed,
  Expected,
  IngestOptions,
  IngestStatus,
  SupportedAlgorithm,
} from "./blob-store.ts";
export { blobChunks } from "./blob-stream.ts";
// Files that survive a power cut, for who writes beside a store.
export { makeFolder, replaceFile, syncFolder, writeWhole } from "./durable.ts";
// What goes wrong.
export {
  BlobNotFound,
  BlobTooLarge,
  DigestMismatch,
  IngestInUse,
  IngestNotFound,
  InvalidIngestID,
  InvalidLayout,
  SizeMismatch,
  StorageFull,
  UnsupportedAlgorithm,
  writeError,
} from "./errors.ts";
// Who hashes for a server.
export type { FileHash, FileHasher } from "./file-hasher.ts";
// Waiting for the disk together.
export { GroupSync } from "./group-sync.ts";
export { type IndexFile, REF_NAME } from "./index-file.ts";
// Content on its way in.
export { Ingest, IngestClosed } from "./ingest.ts";
export type { Segment, SegmentWriter } from "./segments.ts";
export { ContentStore } from "./store.ts";
// Content on its way out, checked.
export { verified } from "./verified.ts";
export { holdsBlob, isWhole } from "./whole.ts";
