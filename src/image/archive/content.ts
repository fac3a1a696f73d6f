/** What importing an archive of images is about, and what can be wrong with one. */
import { TeuError } from "../../base/index.ts";
import type { Descriptor, Digest } from "../../spec/index.ts";

/** An image that is in the store now. */
export interface ImportedImage {
  readonly descriptor: Descriptor;
  /** As the archive has them; not parsed, and possibly none. */
  readonly names: readonly string[];
}

/** The archive holds no images, or not all of them. */
export class InvalidImageArchive extends TeuError<"invalid-image-archive", { why: string }> {
  constructor(context: { why: string }, options?: { cause?: unknown }) {
    super("invalid-image-archive", "invalid", context, `Cannot load images: ${context.why}`, options);
  }
}

/** Content that an archive brought, by the name that it has there. */
export interface ArchiveContent {
  readonly digest: Digest;
  readonly size: number;
}

/** Finds content by its name in the archive; links within the archive are followed. */
export type ArchiveLookup = (name: string) => ArchiveContent | undefined;
