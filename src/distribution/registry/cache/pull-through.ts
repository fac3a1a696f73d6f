/**
 * Repositories below a prefix that are an upstream's: what is not here is fetched there when somebody asks, once for all who ask,
 * and kept. What a digest names is asked for once; what a tag names is asked for again after a while, and where
 * the upstream does not answer the last answer stands. Only what is pulled is fetched, so only the platforms that somebody uses.
 */
import { hasCode } from "../../../base/index.ts";
import {
  type Descriptor,
  type Digest,
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

/** A repository of an upstream, as a registry's client has it. */
export interface UpstreamRepository {
  /** The manifest that a tag or digest names, checked. */
  resolve(target: Tag | Digest): Promise<ManifestLink & { bytes: Uint8Array; document: ManifestOrIndex }>;
  /** A blob's bytes; a download that breaks goes on where it broke. */
  readBlob(blob: { digest: Digest; size: number }, start: number): AsyncIterable<Uint8Array>;
}

/** One upstream. */
export interface Upstream {
  /** Of the repositories here; what comes after it and a `/` is the repository's name there. */
  readonly prefix: string;
  /** How long what a tag names is believed. */
  readonly freshMs: number;
  open(repository: RepositoryName): UpstreamRepository;
}

/** All upstreams of one registry. */
export class PullThrough {
  readonly #storage: Storage;
  readonly #upstreams: readonly Upstream[];
  readonly #fills = new Map<string, Fill>();
  readonly #lookups = new Map<string, Promise<void>>();
  /** When a tag was looked up last. */
  readonly #checked = new Map<string, number>();

  constructor(storage: Storage, upstreams: readonly Upstream[]) {
    this.#storage = storage;
    // The longest prefix first: it says most.
    this.#upstreams = upstreams.toSorted((a, b) => b.prefix.length - a.prefix.length);
  }

  /** Whether a repository is an upstream's. */
  has(repository: RepositoryName): boolean {
    return this.#upstreamOf(repository) !== undefined;
  }

  /** Fetches what a tag or digest names, if it is an upstream's and not here or not fresh. @throws {Refusal} UNAVAILABLE */
  async refresh(repository: RepositoryName, target: TagOrDigest): Promise<void> {
    const upstream = this.#upstreamOf(repository);
    if (upstream === undefined) return;
    const key = `${repository} ${target.kind === "tag" ? target.tag : target.digest}`;
    const isHere = this.#storage.metadata.manifest(repository, target) !== undefined;
    const isFresh = Date.now() - (this.#checked.get(key) ?? Number.NEGATIVE_INFINITY) < upstream.freshMs;
    if (isHere && (target.kind === "digest" || isFresh)) return;
    try {
      let lookup = this.#lookups.get(key);
      if (lookup === undefined) {
        lookup = this.#fetch(upstream, repository, target).finally(() => this.#lookups.delete(key));
        this.#lookups.set(key, lookup);
      }
      await lookup;
      if (target.kind === "tag") this.#remember(key);
    } catch (error) {
      if (hasCode(error, "manifest-not-found")) {
        // It is gone there; whoever has its digest still finds it here.
        if (target.kind === "tag") await this.#storage.metadata.deleteTag(repository, target.tag);
        return;
      }
      if (isHere) return;
      throw new Refusal("UNAVAILABLE", { message: "the upstream registry does not answer", cause: error });
    }
  }

  /** A blob that is not here, on its way; undefined: no manifest that is here mentions it. */
  fill(repository: RepositoryName, digest: Digest): Fill | undefined {
    const upstream = this.#upstreamOf(repository);
    if (upstream === undefined) return undefined;
    const key = `${repository} ${digest}`;
    const running = this.#fills.get(key);
    if (running !== undefined) return running;
    const descriptor = this.#descriptorOf(repository, digest);
    if (descriptor === undefined) return undefined;
    const { size } = descriptor;
    const chunks = this.#open(upstream, repository).readBlob({ digest, size }, 0);
    const fill = new Fill(this.#storage, repository, { digest, size }, chunks);
    this.#fills.set(key, fill);
    // Who reads hears of a failure; the next who asks begins again.
    fill.done.catch(() => undefined).finally(() => this.#fills.delete(key));
    return fill;
  }

  /** How large a blob is that is not here; undefined as in `fill()`. */
  sizeOf(repository: RepositoryName, digest: Digest): number | undefined {
    return this.has(repository) ? this.#descriptorOf(repository, digest)?.size : undefined;
  }

  async #fetch(upstream: Upstream, repository: RepositoryName, target: TagOrDigest): Promise<void> {
    const { content, metadata, pins } = this.#storage;
    const name = target.kind === "tag" ? target.tag : target.digest;
    const { mediaType, digest, size, bytes, document } = await this.#open(upstream, repository).resolve(name);
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

  #remember(key: string): void {
    if (this.#checked.size >= MAX_REMEMBERED) this.#checked.clear();
    this.#checked.set(key, Date.now());
  }
}
const MAX_REMEMBERED = 100_000;
