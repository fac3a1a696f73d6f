/** What the event loop and the thread that hashes say to each other. */
import type { SupportedAlgorithm } from "../../../content/index.ts";

/** To the thread, which answers all but the first kind. Files go by numbers that the asker gives. */
export type Question =
  | (Hashed & { readonly kind: "advance" | "digest" })
  | { readonly kind: "end"; readonly file: number };

/** The first `size` bytes of a file. */
export interface Hashed {
  readonly file: number;
  readonly descriptor: number;
  readonly algorithm: SupportedAlgorithm;
  readonly size: number;
}

/** From it. */
export interface Answer {
  readonly file: number;
  /** In hex, where it was asked for. */
  readonly digest?: string;
  /** Why it cannot be told. */
  readonly failure?: string;
}
