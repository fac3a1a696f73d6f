/** Small content into the store. */
import type { ContentStore } from "../../content/index.ts";
import type { Digest } from "../../spec/index.ts";

/** Makes `bytes`, which hash to `digest`, durable. */
export async function store(content: ContentStore, bytes: Uint8Array, digest: Digest): Promise<void> {
  if (content.has(digest)) return;
  using ingest = content.ingest({ expected: { digest, size: bytes.byteLength } });
  ingest.write(bytes);
  await ingest.commitAsync();
}
