/** Manifests' bytes that were read lately: from the page cache too, opening a file and reading it takes four system calls. */
import { readFileSync } from "node:fs";
import type { ContentStore } from "../../../content/index.ts";
import type { Digest } from "../../../spec/index.ts";

const MOST_BYTES = 4 << 20;
/** Most manifests have one or two kilobytes. A larger one is read each time. */
const MOST_OF_ONE = 64 << 10;

/** Bytes of a digest are the same for ever; whether somebody may have them is for the metadata to say, before. */
export class RecentBytes {
  readonly #content: ContentStore;
  readonly #known = new Map<Digest, Uint8Array<ArrayBuffer>>();
  #size = 0;

  constructor(content: ContentStore) {
    this.#content = content;
  }

  /** All of a small blob. */
  read(digest: Digest): Uint8Array<ArrayBuffer> {
    const known = this.#known.get(digest);
    if (known !== undefined) return known;
    const bytes = new Uint8Array(readFileSync(this.#content.path(digest)));
    if (bytes.byteLength > MOST_OF_ONE) return bytes;
    this.#known.set(digest, bytes);
    this.#size += bytes.byteLength;
    for (const [oldest, { byteLength }] of this.#known) {
      if (this.#size <= MOST_BYTES) break;
      this.#known.delete(oldest);
      this.#size -= byteLength;
    }
    return bytes;
  }
}
