/**
 * Gets one blob into the store. What arrived before a failure stays in an ingest named after the blob, and the next
 * pull, of this process or a later one, goes on from there.
 */
import {
  type ContentStore,
  DigestMismatch,
  holdsBlob,
  type Ingest,
  IngestInUse,
  IngestNotFound,
  SizeMismatch,
  StorageFull,
} from "../../content/index.ts";
import { type Descriptor, embeddedContent } from "../../spec/index.ts";
import type { RegistryClient } from "./client.ts";
import type { BlobEvent } from "./progress.ts";

/** Makes sure that the store holds `blob`, verified. */
export async function fetchBlob(
  client: RegistryClient,
  store: ContentStore,
  blob: Descriptor,
  tell: (event: BlobEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  if (await holdsBlob(store, blob)) return tell({ kind: "present", blob });
  // What an earlier process left may be damaged: then once more, from the beginning.
  while (!(await ingestBlob(client, store, blob, tell, signal)));
  tell({ kind: "done", blob });
}

/** @returns whether the store has it; false when bytes of an earlier attempt were wrong. */
async function ingestBlob(
  client: RegistryClient,
  store: ContentStore,
  blob: Descriptor,
  tell: (event: BlobEvent) => void,
  signal: AbortSignal,
): Promise<boolean> {
  using ingest = openIngest(store, blob);
  const start = ingest.offset;
  tell({ kind: "begun", blob, offset: start });
  try {
    const embedded = start === 0 ? embeddedContent(blob) : undefined;
    if (embedded !== undefined) ingest.write(embedded);
    else if (start === 0 || start < blob.size)
      for await (const chunk of client.readBlob(blob, start, signal)) {
        ingest.write(chunk);
        tell({ kind: "moved", blob, offset: ingest.offset });
      }
    await ingest.commitAsync();
    return true;
  } catch (error) {
    const isWrong = error instanceof DigestMismatch || error instanceof SizeMismatch;
    if (isWrong && start > 0) return false;
    // On a full disk what is here is part of the trouble.
    if (!isWrong && !(error instanceof StorageFull) && ingest.offset > 0) ingest.suspend();
    throw error;
  }
}

/** While another process fetches the same blob, ours goes beside it: to fetch twice is better than to wait for a stranger. */
function openIngest(store: ContentStore, { digest, size }: Descriptor): Ingest {
  const id = `pull-${digest}`;
  const expected = { digest, size };
  try {
    return store.ingest({ id, expected });
  } catch (error) {
    if (!(error instanceof IngestInUse)) throw error;
    if (error.context.why === "owned") return store.ingest({ expected });
  }
  try {
    return store.resumeIngest(id, { expected });
  } catch (error) {
    if (!(error instanceof IngestInUse || error instanceof IngestNotFound)) throw error;
    return store.ingest({ expected });
  }
}
