/**
 * Gets one blob into the store. What arrived before a failure stays in an ingest named after the blob, and the next
 * pull, of this process or a later one, goes on from there. Of pulls at once one fetches, and the others wait for it as long as it goes on.
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
import { fetchSegments } from "./fetch-segments.ts";
import type { BlobEvent } from "./progress.ts";
import { wait } from "./wait.ts";

/** Makes sure that the store holds `blob`, verified. */
export async function fetchBlob(
  client: RegistryClient,
  store: ContentStore,
  blob: Descriptor,
  tell: (event: BlobEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    if (await holdsBlob(store, blob)) return tell({ kind: "present", blob });
    const isAlone = await othersLeft(store, blob, tell, signal);
    if (isAlone && (await holdsBlob(store, blob))) return tell({ kind: "done", blob });
    // What an earlier process left may be damaged, or somebody else have begun meanwhile: then once more.
    if (
      await ingestBlob(client, store, blob, { tell, signal, isBeside: !isAlone || attempt >= MOST_ATTEMPTS })
    )
      return tell({ kind: "done", blob });
  }
}

/** Who has been too late so often goes beside the others. */
const MOST_ATTEMPTS = 50;

/** How often it is looked what another process has, and how long one may bring nothing before it is waited for no longer. */
const LOOK_AGAIN_MS = 25;
const STALLED_MS = 10_000;

/** Waits while another process fetches the same blob. @returns false: it does not go on */
async function othersLeft(
  store: ContentStore,
  blob: Descriptor,
  tell: (event: BlobEvent) => void,
  signal: AbortSignal,
): Promise<boolean> {
  let [offset, movedAt] = [-1, performance.now()];
  for (;;) {
    const other = store.ingests().find(({ id }) => id === ingestID(blob));
    if (other?.isOwned !== true) return true;
    if (other.offset !== offset) {
      tell({ kind: offset < 0 ? "begun" : "moved", blob, offset: other.offset });
      [offset, movedAt] = [other.offset, performance.now()];
    }
    if (performance.now() - movedAt > STALLED_MS) return false;
    await wait(LOOK_AGAIN_MS, signal);
  }
}

function ingestID({ digest }: Descriptor): string {
  return `pull-${digest}`;
}

/** @returns whether the store has it; false when bytes of an earlier attempt were wrong, or somebody else fetches it. */
async function ingestBlob(
  client: RegistryClient,
  store: ContentStore,
  blob: Descriptor,
  {
    tell,
    signal,
    isBeside,
  }: {
    readonly tell: (event: BlobEvent) => void;
    readonly signal: AbortSignal;
    readonly isBeside: boolean;
  },
): Promise<boolean> {
  using ingest = openIngest(store, blob, isBeside);
  if (ingest === undefined) return false;
  const start = ingest.offset;
  const isResumed = start > 0 || ingest.hasSegments;
  tell({ kind: "begun", blob, offset: start });
  try {
    const embedded = !isResumed ? embeddedContent(blob) : undefined;
    if (embedded !== undefined) ingest.write(embedded);
    else if (!(await fetchSegments(client, ingest, blob, tell, signal)))
      await fetchInOrder(client, ingest, blob, tell, signal);
    await ingest.commitAsync();
    return true;
  } catch (error) {
    const isWrong = error instanceof DigestMismatch || error instanceof SizeMismatch;
    if (isWrong && isResumed) return false;
    // On a full disk what is here is part of the trouble.
    const hasBytes = ingest.offset > 0 || ingest.hasSegments;
    if (!isWrong && !(error instanceof StorageFull) && hasBytes) ingest.suspend();
    throw error;
  }
}

async function fetchInOrder(
  client: RegistryClient,
  ingest: Ingest,
  blob: Descriptor,
  tell: (event: BlobEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  if (ingest.offset > 0 && ingest.offset >= blob.size) return;
  for await (const chunk of client.readBlob(blob, ingest.offset, signal)) {
    ingest.write(chunk);
    tell({ kind: "moved", blob, offset: ingest.offset });
  }
}

/** @param isBeside  Beside another that does not go on. @returns undefined: another process has just begun, or ended */
function openIngest(store: ContentStore, blob: Descriptor, isBeside: boolean): Ingest | undefined {
  const { digest, size } = blob;
  const expected = { digest, size };
  if (isBeside) return store.ingest({ expected });
  const id = ingestID(blob);
  try {
    return store.ingest({ id, expected });
  } catch (error) {
    // Its folder was taken away while we were at it.
    if (error instanceof IngestNotFound) return undefined;
    if (!(error instanceof IngestInUse)) throw error;
    if (error.context.why === "owned") return undefined;
  }
  try {
    return store.resumeIngest(id, { expected });
  } catch (error) {
    if (!(error instanceof IngestInUse || error instanceof IngestNotFound)) throw error;
    // Somebody who came just as another had ended left its folder, with nothing in it.
    if (error instanceof IngestNotFound) store.discardIngest(id);
    return undefined;
  }
}
