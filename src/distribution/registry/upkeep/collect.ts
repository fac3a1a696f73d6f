/**
 * Garbage collection while the registry serves: tags that the rules let go, manifests that no tag leads to (where untagged ones
 * are to go), blobs that no manifest refers to, content that no repository holds. What is young stays: somebody may be
 * about to refer to it. Small steps, each durable by itself and each right by itself, with a turn for others in between: a
 * process that dies in the middle has removed less, and nothing wrongly.
 */
import { setImmediate as yieldToOthers } from "node:timers/promises";
import type { Digest, RepositoryName, Tag } from "../../../spec/index.ts";
import { compileGlob } from "../auth/glob.ts";
import type { Storage } from "../storage/storage.ts";
import { Retention, type RetentionRule, type TagTimes } from "./retention.ts";
import { release, unheldContent } from "./sweep.ts";

/** What goes. */
export interface CollectOptions {
  readonly retention: readonly RetentionRule[];
  /** Globs of repositories whose untagged manifests go. */
  readonly removeUntagged: readonly string[];
  /** What was pushed or asked for later than this long ago stays. */
  readonly graceMs: number;
  readonly isImmutable: (repository: RepositoryName, tag: Tag) => boolean;
  /** Only tells what would go. */
  readonly isDryRun: boolean;
}

/** One thing that went, or would. */
export interface CollectedEntry {
  readonly kind: "tag" | "manifest" | "blob" | "content";
  readonly repository?: RepositoryName;
  readonly name: Tag | Digest;
  readonly bytes: number;
  readonly why: string;
}

/** How much. */
export interface CollectedTotals {
  readonly tags: number;
  readonly manifests: number;
  readonly blobs: number;
  /** Bytes of content given back. */
  readonly bytes: number;
}

/**
 * Collects, when whoever else does upkeep has ended: with the marks of two, each would remove what the other had not marked.
 * @param onEntry  Told of each thing as it goes. @param signal  Ends it after the step at hand.
 */
export async function collect(
  storage: Storage,
  options: CollectOptions,
  onEntry: (entry: CollectedEntry) => void = () => undefined,
  signal?: AbortSignal,
): Promise<CollectedTotals> {
  return await storage.upkeepTurns.take(() => collectAlone(storage, options, onEntry, signal), signal);
}

async function collectAlone(
  storage: Storage,
  options: CollectOptions,
  onEntry: (entry: CollectedEntry) => void,
  signal: AbortSignal | undefined,
): Promise<CollectedTotals> {
  const { upkeep } = storage.metadata;
  // What a dry run noted, or a collection that ended in the middle.
  for (const what of ["collection", "repository"] as const)
    while (!upkeep.forget(what)) await yieldToOthers();
  const collection = new Collection(storage, options, onEntry, signal);
  let after = "";
  for (;;) {
    const names = upkeep.repositories({ after, limit: 500 });
    for (const name of names) await collection.collectRepository(name);
    const last = names.at(-1);
    if (last === undefined) break;
    after = last;
  }
  return await collection.sweep();
}

const UNHELD = "no repository holds it";

class Collection {
  readonly #storage: Storage;
  readonly #options: CollectOptions;
  readonly #onEntry: (entry: CollectedEntry) => void;
  readonly #retention: Retention;
  readonly #hasUntagged: (repository: RepositoryName) => boolean;
  readonly #signal: AbortSignal | undefined;
  readonly #now = Date.now();
  #totals = { tags: 0, manifests: 0, blobs: 0, bytes: 0 };

  constructor(
    storage: Storage,
    options: CollectOptions,
    onEntry: (entry: CollectedEntry) => void,
    signal: AbortSignal | undefined,
  ) {
    this.#signal = signal;
    this.#storage = storage;
    this.#options = options;
    this.#onEntry = onEntry;
    this.#retention = new Retention(options.retention, options.isImmutable);
    const globs = options.removeUntagged.map(compileGlob);
    this.#hasUntagged = (repository) => globs.some((matches) => matches(repository));
  }

  async collectRepository(repository: RepositoryName): Promise<void> {
    await this.#turn();
    try {
      if (this.#retention.concerns(repository)) await this.#expireTags(repository);
      if (this.#hasUntagged(repository)) await this.#removeUntagged(repository);
    } finally {
      // A tag of this name in the next repository, or in a collection that is no dry run, stays.
      while (!this.#storage.metadata.upkeep.forget("repository")) await yieldToOthers();
    }
    await this.#unlinkBlobs(repository);
  }

  /** Content, at the end: what two repositories held may be nobody's now. */
  async sweep(): Promise<CollectedTotals> {
    const { upkeep } = this.#storage.metadata;
    const seen = new Set<Digest>();
    if (this.#options.isDryRun)
      for await (const { digest, size } of upkeep.doomedEverywhere()) {
        seen.add(digest);
        this.#add({ kind: "content", name: digest, bytes: size, why: UNHELD });
      }
    for await (const digest of unheldContent(this.#storage)) {
      this.#signal?.throwIfAborted();
      const bytes = this.#options.isDryRun
        ? (this.#storage.content.stat(digest)?.size ?? 0)
        : await release(this.#storage, digest);
      if (bytes !== undefined && !seen.has(digest))
        this.#add({ kind: "content", name: digest, bytes, why: UNHELD });
    }
    return this.#totals;
  }

  async #expireTags(repository: RepositoryName): Promise<void> {
    const { metadata } = this.#storage;
    const all: TagTimes[] = [];
    for (let after = ""; ; ) {
      const page = metadata.upkeep.tagTimes(repository, { after, limit: 1_000 });
      all.push(...page);
      const last = page.at(-1);
      if (last === undefined) break;
      after = last.tag;
      await this.#turn();
    }
    for (const { tag, pushedAtMs, why } of this.#retention.expired(repository, all, this.#now)) {
      if (this.#options.isDryRun) metadata.upkeep.doomTag(tag);
      // A tag that was moved since is a new one.
      else if (!(await metadata.upkeep.deleteTagPushedBefore(repository, tag, pushedAtMs + 1))) continue;
      this.#add({ kind: "tag", repository, name: tag, bytes: 0, why });
    }
  }

  async #removeUntagged(repository: RepositoryName): Promise<void> {
    const { upkeep } = this.#storage.metadata;
    const before = this.#now - this.#options.graceMs;
    upkeep.beginMarking();
    try {
      for (let after = ""; ; await this.#turn()) {
        // Whatever was pushed since is marked before anything is removed, without a pause between the two.
        if (!upkeep.mark(repository)) continue;
        const { removed, last } = upkeep.removeUnmarked(repository, before, after, this.#options.isDryRun);
        for (const { digest, size } of removed)
          this.#add({ kind: "manifest", repository, name: digest, bytes: size, why: "no tag leads to it" });
        if (last === undefined) break;
        after = last;
        await upkeep.place();
      }
    } finally {
      // Also of a collection that ends in the middle others hear what it removed.
      await upkeep.durable();
    }
  }

  async #unlinkBlobs(repository: RepositoryName): Promise<void> {
    const { upkeep } = this.#storage.metadata;
    const before = this.#now - this.#options.graceMs;
    for (let after = ""; ; ) {
      const { unlinked, last } = upkeep.unlinkUnmentioned(repository, before, after, this.#options.isDryRun);
      for (const { digest, size } of unlinked)
        this.#add({ kind: "blob", repository, name: digest, bytes: size, why: "no manifest refers to it" });
      if (last === undefined) break;
      after = last;
      await upkeep.place();
      await this.#turn();
    }
    await upkeep.durable();
  }

  async #turn(): Promise<void> {
    await yieldToOthers();
    this.#signal?.throwIfAborted();
  }

  #add(entry: CollectedEntry): void {
    if (entry.kind === "content") this.#totals.bytes += entry.bytes;
    else this.#totals[`${entry.kind}s`] += 1;
    this.#onEntry(entry);
  }
}
