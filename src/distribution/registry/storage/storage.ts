/** All that a registry keeps, behind one name: what requests, the collector and the commands work on. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { TeuError, Turns } from "../../../base/index.ts";
import { type BlobStore, ContentStore } from "../../../content/index.ts";
import type { Digest } from "../../../spec/index.ts";
import { tryLockFile } from "../../../sys/index.ts";
import { PullTimes } from "../upkeep/pull-times.ts";
import { asRecordsLost } from "./database.ts";
import { HashThread } from "./hash-thread.ts";
import { Pins } from "./pins.ts";
import type { StoragePolicy } from "./policy.ts";
import { RecentBytes } from "./recent-bytes.ts";
import { openMetadata, type SqliteMetadata } from "./sqlite-metadata.ts";

/** See the file's head. */
export interface Storage extends Disposable {
  /** Of large uploads. */
  readonly hasher: HashThread;
  readonly content: ContentStore;
  readonly manifests: RecentBytes;
  readonly metadata: SqliteMetadata;
  readonly pins: Pins;
  readonly pulls: PullTimes;
  /** For what must not happen twice at once: there is one set of marks, and one `damaged`. */
  readonly upkeepTurns: Turns;
}

/** Another process serves this folder. */
export class RegistryInUse extends TeuError<"registry-in-use", { root: string }> {
  constructor(context: { root: string }) {
    super(
      "registry-in-use",
      "failed-precondition",
      context,
      `Cannot open the registry in ${JSON.stringify(context.root)}: another process has it open`,
    );
  }
}

/** Where the records of the registry in `root` lie. */
export function recordsPath(root: string): string {
  return join(root, "registry.db");
}

/** Opens what lies below `root`, making it where there is nothing. @throws {RegistryInUse} {RegistryRecordsLost} */
export function openStorage(root: string, policy?: StoragePolicy): Storage {
  mkdirSync(root, { recursive: true });
  const lock = tryLockFile(join(root, "lock"));
  if (lock === undefined) throw new RegistryInUse({ root });
  try {
    const hasher = new HashThread();
    const content = ContentStore.open(join(root, "content"), hasher);
    const metadata = openMetadata(recordsPath(root), policy, () => hasBlobs(content));
    const pulls = new PullTimes(metadata.upkeep);
    return {
      hasher,
      content,
      manifests: new RecentBytes(content),
      metadata,
      pins: new Pins(),
      pulls,
      upkeepTurns: new Turns(),
      [Symbol.dispose]() {
        pulls.write();
        metadata[Symbol.dispose]();
        hasher[Symbol.dispose]();
        lock[Symbol.dispose]();
      },
    };
  } catch (error) {
    lock[Symbol.dispose]();
    throw asRecordsLost(error, recordsPath(root));
  }
}

function hasBlobs(content: ContentStore): boolean {
  for (const _ of content.digests()) return true;
  return false;
}

/** Makes `bytes`, which hash to `digest`, durable. */
export async function storeBytes(content: BlobStore, bytes: Uint8Array, digest: Digest): Promise<void> {
  if (content.has(digest)) return;
  using ingest = content.ingest({ expected: { digest, size: bytes.byteLength } });
  ingest.write(bytes);
  await ingest.commitAsync();
}
