/**
 * Repositories below a prefix that are an upstream's: what is not here is fetched there when somebody asks, once for all who ask,
 * and kept. What a digest names is asked for once; what a tag names is asked for again after a while, and where
 * the upstream does not answer the last answer stands. Only what is pulled is fetched, so only the platforms that somebody uses.
 */
import { hasCode } from "../../../base/index.ts";
import {
  type Descriptor,
  type Digest,
  isRepositoryName,
  isTag,
  MAX_MANIFEST_BYTES,
  type ManifestOrIndex,
  parseManifestOrIndex,
  type RepositoryName,
  type Tag,
} from "../../../spec/index.ts";
import { describeManifest } from "../manifests.ts";
import { Refusal } from "../refusal.ts";
import type { TagOrDigest } from "../route.ts";
import type { ManifestLink } from "../storage/metadata.ts";
import { type Storage, storeBytes } from "../storage/storage.ts";
import { Fill } from "./fill.ts";
import { Lists } from "./lists.ts";

/** A manifest that was fetched, and checked. */
type Resolved = ManifestLink & { bytes: Uint8Array; document: ManifestOrIndex };

/** A repository of an upstream, as a registry's client has it. */
export interface UpstreamRepository {
  /** The manifest that a tag or digest names, checked. */
  resolve(target: Tag | Digest, signal: AbortSignal): Promise<Resolved>;
  /** What manifest a tag or digest names. */
  statManifest(target: Tag | Digest, signal: AbortSignal): Promise<Pick<Descriptor, "digest">>;
  /** A blob's bytes; a download that breaks goes on where it broke. */
  readBlob(
    blob: { digest: Digest; size: number },
    start: number,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;
  /** All tags. */
  tags(signal: AbortSignal): AsyncIterable<string>;
  /** What refers to a manifest, of every type. */
  referrers(
    subject: Digest,
    artifactType: undefined,
    signal: AbortSignal,
  ): Promise<{ readonly descriptors: readonly Descriptor[] }>;
}

/** One upstream. */
export interface Upstream {
  /** Of the repositories here; what comes after it and a `/` is the repository's name there. */
  readonly prefix: string;
  /** What references call it, and so clients who ask us in its place. */
  readonly registry: string;
  /** How long what a tag names is believed. */
  readonly freshMs: number;
  open(repository: RepositoryName): UpstreamRepository;
}

/** How a cache behaves. */
export interface PullThroughOptions {
  /** Serves what is here, fetches and changes nothing. */
  readonly isReadOnly?: boolean;
  /** Told of failures that are ours and that no client sees, since he was served. */
  readonly onError?: (error: unknown) => void;
}

/** For so long an upstream that did not answer is not asked again for the same thing. */
const FAILED_MS = 5_000;

/** All upstreams of one registry. Disposing ends what is on its way and waits for that; the storage closes after it. */
export class PullThrough implements AsyncDisposable {
  readonly #storage: Storage;
  readonly #upstreams: readonly Upstream[];
  readonly #fills = new Map<string, Fill>();
  readonly #lists = new Lists();
  readonly #lookups = new Map<string, Promise<unknown>>();
  /** When a tag was looked up last. */
  readonly #checked = new Map<string, number>();
  /** What could not be looked up, why, and until when that is believed. */
  readonly #failed = new Map<string, { readonly failure: unknown; readonly untilMs: number }>();
  readonly #ending = new AbortController();
  readonly #isReadOnly: boolean;
  readonly #onError: (error: unknown) => void;

  constructor(
    storage: Storage,
    upstreams: readonly Upstream[],
    { isReadOnly = false, onError = () => undefined }: PullThroughOptions = {},
  ) {
    this.#storage = storage;
    this.#isReadOnly = isReadOnly;
    this.#onError = onError;
    // The longest prefix first: it says most.
    this.#upstreams = upstreams.toSorted((a, b) => b.prefix.length - a.prefix.length);
  }

  /** Whether a repository is an upstream's. */
  has(repository: RepositoryName): boolean {
    return this.#upstreamOf(repository) !== undefined;
  }

  /**
   * What a repository of `registry` is called here: clients that take us for a mirror ask by its name there.
   * @returns undefined: we have none of that registry @see distribution-spec spec.md, Registry Proxying
   */
  nameHere(registry: string, repository: RepositoryName): RepositoryName | undefined {
    const upstream = this.#upstreams.find((one) => one.registry === registry);
    if (upstream === undefined) return undefined;
    // Whoever put the prefix into his mirror's path has named it already.
    if (this.#upstreamOf(repository)?.registry === registry) return repository;
    const name = `${upstream.prefix}/${repository}`;
    return isRepositoryName(name) ? name : undefined;
  }

  /** Whether there are upstreams at all. */
  get isEmpty(): boolean {
    return this.#upstreams.length === 0;
  }

  /** Fetches what a tag or digest names, if it is an upstream's and not here or not fresh. @throws {Refusal} UNAVAILABLE */
  async refresh(repository: RepositoryName, target: TagOrDigest): Promise<void> {
    const upstream = this.#sourceOf(repository);
    if (upstream === undefined) return;
    const key = `${repository} ${target.kind === "tag" ? target.tag : target.digest}`;
    const isHere = this.#storage.metadata.manifest(repository, target) !== undefined;
    const isFresh = Date.now() - (this.#checked.get(key) ?? Number.NEGATIVE_INFINITY) < upstream.freshMs;
    if (isHere && (target.kind === "digest" || isFresh)) return;
    let lookup = this.#lookups.get(key);
    if (lookup === undefined) {
      lookup = this.#lookUp(upstream, repository, target, { key, isHere }).finally(() =>
        this.#lookups.delete(key),
      );
      this.#lookups.set(key, lookup);
    }
    const failure = await lookup;
    if (failure !== undefined && !isHere) throw failure;
  }

  /** The tags that an upstream's repository has there, in order; undefined: it is none, or cannot be asked now. */
  async tags(repository: RepositoryName): Promise<readonly Tag[] | undefined> {
    const upstream = this.#sourceOf(repository);
    if (upstream === undefined) return undefined;
    return await this.#lists.ask(`tags ${repository}`, upstream.freshMs, async () => {
      const names = await Array.fromAsync(this.#open(upstream, repository).tags(this.#ending.signal));
      return names.filter(isTag).sort();
    });
  }

  /** What refers to a manifest of an upstream's repository there, by digest; undefined as in `tags()`. */
  async referrers(repository: RepositoryName, subject: Digest): Promise<readonly Descriptor[] | undefined> {
    const upstream = this.#sourceOf(repository);
    if (upstream === undefined) return undefined;
    return await this.#lists.ask(`referrers ${repository} ${subject}`, upstream.freshMs, async () => {
      const there = this.#open(upstream, repository);
      const { descriptors } = await there.referrers(subject, undefined, this.#ending.signal);
      return descriptors.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
    });
  }

  /** A blob that is not here, on its way; undefined: no manifest that is here mentions it. */
  fill(repository: RepositoryName, digest: Digest): Fill | undefined {
    const upstream = this.#sourceOf(repository);
    if (upstream === undefined) return undefined;
    const key = `${repository} ${digest}`;
    const running = this.#fills.get(key);
    if (running !== undefined) return running;
    const descriptor = this.#descriptorOf(repository, digest);
    if (descriptor === undefined) return undefined;
    const { size } = descriptor;
    const { signal } = this.#ending;
    const chunks = this.#open(upstream, repository).readBlob({ digest, size }, 0, signal);
    const fill = new Fill(this.#storage, repository, { digest, size }, chunks, {
      signal,
      onError: this.#onError,
    });
    this.#fills.set(key, fill);
    // Who reads hears of a failure; the next who asks begins again.
    fill.done.catch(() => undefined).finally(() => this.#fills.delete(key));
    return fill;
  }

  /** How large a blob is that is not here; undefined as in `fill()`. */
  sizeOf(repository: RepositoryName, digest: Digest): number | undefined {
    return this.#sourceOf(repository) !== undefined
      ? this.#descriptorOf(repository, digest)?.size
      : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    const fills = [...this.#fills.values()].map(({ done }) => done);
    await Promise.allSettled([...this.#lookups.values(), ...fills]);
  }

  /** Asks the upstream, if it did not fail to answer a moment ago. @returns why what it says is not here now, if it is not */
  async #lookUp(
    upstream: Upstream,
    repository: RepositoryName,
    target: TagOrDigest,
    { key, isHere }: { key: string; isHere: boolean },
  ): Promise<unknown> {
    const failed = this.#failed.get(key);
    if (failed !== undefined && Date.now() < failed.untilMs) return failed.failure;
    this.#failed.delete(key);
    let found: Resolved | undefined;
    try {
      const name = target.kind === "tag" ? target.tag : target.digest;
      const there = this.#open(upstream, repository);
      const { signal } = this.#ending;
      // To ask what a tag names is no pull where pulls are counted.
      const before = isHere ? this.#storage.metadata.manifest(repository, target)?.digest : undefined;
      if (before !== undefined && (await there.statManifest(name, signal)).digest === before) {
        remember(this.#checked, key, Date.now());
        return undefined;
      }
      found = await there.resolve(name, signal);
    } catch (error) {
      if (!hasCode(error, "manifest-not-found"))
        return this.#fail(
          key,
          new Refusal("UNAVAILABLE", { message: "the upstream registry does not answer", cause: error }),
        );
    }
    try {
      if (found !== undefined) await this.#keep(repository, target, found);
      // It is gone there; whoever has its digest still finds it here.
      else if (target.kind === "tag" && isHere)
        await this.#storage.metadata.deleteTag(repository, target.tag);
    } catch (error) {
      // That a tag of ours stays is what was asked for, whatever it does there.
      if (!hasCode(error, "tag-immutable")) {
        if (isHere) this.#onError(error);
        return this.#fail(key, error);
      }
    }
    if (target.kind === "tag") remember(this.#checked, key, Date.now());
    return undefined;
  }

  #fail(key: string, failure: unknown): unknown {
    remember(this.#failed, key, { failure, untilMs: Date.now() + FAILED_MS });
    return failure;
  }

  async #keep(
    repository: RepositoryName,
    target: TagOrDigest,
    { mediaType, digest, size, bytes, document }: Resolved,
  ): Promise<void> {
    const { content, metadata, pins } = this.#storage;
    using _pin = pins.hold(digest);
    await storeBytes(content, bytes, digest);
    const manifest = describeManifest({ mediaType, digest, size }, document);
    // Its blobs come when somebody asks for them.
    await metadata.putManifest(
      repository,
      { ...manifest, required: [] },
      target.kind === "tag" ? [target.tag] : [],
    );
  }

  #open({ prefix, open }: Upstream, repository: RepositoryName): UpstreamRepository {
    return open(repository.slice(prefix.length + 1) as RepositoryName); // a name's components are one too
  }

  #upstreamOf(repository: RepositoryName): Upstream | undefined {
    return this.#upstreams.find(({ prefix }) => repository.startsWith(`${prefix}/`));
  }

  /** Where a repository is fetched from; what is read-only is fetched from nowhere. */
  #sourceOf(repository: RepositoryName): Upstream | undefined {
    return this.#isReadOnly ? undefined : this.#upstreamOf(repository);
  }

  #descriptorOf(repository: RepositoryName, digest: Digest): Descriptor | undefined {
    const { content, metadata } = this.#storage;
    for (const parent of metadata.parents(repository, digest)) {
      const document = parseManifestOrIndex(
        content.readBytes(parent.digest, MAX_MANIFEST_BYTES),
        parent.mediaType,
      );
      if (document.kind === "index") continue;
      const { config, layers } = document.manifest;
      const found = [config, ...layers].find((blob) => blob.digest === digest);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function remember<T>(known: Map<string, T>, key: string, value: T): void {
  if (known.size >= MAX_REMEMBERED) known.clear();
  known.set(key, value);
}
const MAX_REMEMBERED = 100_000;
