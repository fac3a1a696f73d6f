/** The blob store: an OCI image layout on disk with crash-safe ingest and resume. */

// The store, its blobs and its index.json.
export type { OpenBlob } from "./blob-file.ts";
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
// Waiting for the disk together.
export { GroupSync } from "./group-sync.ts";
export { type IndexFile, REF_NAME } from "./index-file.ts";
// Content on its way in.
export { type Committed, type Expected, Ingest, IngestClosed, type SupportedAlgorithm } from "./ingest.ts";
export type { Segment, SegmentWriter } from "./segments.ts";
export { ContentStore, type IngestOptions, type IngestStatus } from "./store.ts";
// Content on its way out, checked.
export { verified } from "./verified.ts";
export { holdsBlob, isWhole } from "./whole.ts";
