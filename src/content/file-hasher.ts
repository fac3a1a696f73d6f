/** Who hashes what lies in files elsewhere than on the event loop, which has other things to do: a thread, say. */
import type { SupportedAlgorithm } from "./blob-store.ts";

/** See the file's head. Ingests of large blobs turn to it. */
export interface FileHasher {
  /** @param descriptor  Stays open until {@link FileHash.end} is done. */
  begin(descriptor: number, algorithm: SupportedAlgorithm): FileHash;
}

/** The hash of one file, which grows. */
export interface FileHash {
  /** So many bytes are in the file now, to be hashed at some time. */
  advance(size: number): void;
  /** Waits until the first `size` bytes are hashed; more may come. @returns the hash in hex @throws they could not be read */
  digest(size: number): Promise<string>;
  /** Waits until the file is not read any more. Never fails. */
  end(): Promise<void>;
}
