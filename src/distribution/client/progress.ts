/** What a transfer tells while it goes on: data for whoever shows it. Blob events of different blobs interleave. */
import type { Descriptor, Manifest } from "../../spec/index.ts";

/** An event of `pullImage()`. */
export type PullEvent =
  /** The reference names this; an index has so many entries. */
  | { readonly kind: "resolved"; readonly descriptor: Descriptor; readonly entries: number | undefined }
  /** This is the image for the platform. */
  | { readonly kind: "chosen"; readonly descriptor: Descriptor; readonly manifest: Manifest }
  | BlobEvent;

/** An event of `pushImage()`. */
export type PushEvent =
  | BlobEvent
  /** The registry has this manifest or index now, and everything that it refers to. */
  | { readonly kind: "manifest"; readonly descriptor: Descriptor };

/** What happens to one blob: `present`, or `begun`, `moved` many times, and `done`. */
export type BlobEvent =
  /** It is there already: nothing is moved. */
  | { readonly kind: "present"; readonly blob: Descriptor }
  /** `offset` bytes are there from an earlier attempt. */
  | { readonly kind: "begun"; readonly blob: Descriptor; readonly offset: number }
  | { readonly kind: "moved"; readonly blob: Descriptor; readonly offset: number }
  | { readonly kind: "done"; readonly blob: Descriptor };
