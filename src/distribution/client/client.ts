/**
 * A client of one repository at one registry: what images need of the distribution specification.
 * Every operation takes a signal last and ends promptly with its reason. Portable: `fetch` and `node:` only.
 */
import { version } from "../../base/index.ts";
import { verified } from "../../content/index.ts";
import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestOf,
  isDigest,
  isSupportedAlgorithm,
  type Referrer,
  type RegistryName,
  type RepositoryName,
  referrerOf,
  type Tag,
} from "../../spec/index.ts";
import { type BlobSource, mountBlob, pushBlob } from "./blob-push.ts";
import { type BlobAddress, type BlobReading, type ByteRange, readBlob, readRange } from "./blob-read.ts";
import { discard } from "./body.ts";
import { type Connections, connectionsTo } from "./connections.ts";
import { type CredentialSource, credentialFiles, fileCredentials } from "./credentials.ts";
import { deleteBlob, deleteManifest } from "./delete.ts";
import { type EntraToken, exchangeEntraToken } from "./entra.ts";
import { BadRegistryAnswer, ManifestDigestMismatch } from "./errors.ts";
import { directFetch, type Fetch } from "./http.ts";
import { getManifest, type ResolvedManifest } from "./manifest.ts";
import { listRepositories, listTags } from "./names.ts";
import { encodeReferrers, listReferrers, type Referrers, referrersTag } from "./referrers.ts";
import type { Repository } from "./repository.ts";
import { DEFAULT_RETRY, type RetryPolicy } from "./retry.ts";
import { type FoundRepository, searchRepositories } from "./search.ts";
import { Session } from "./session.ts";
import { hasBlob, statBlob, statManifest } from "./stat.ts";
import { streamOf } from "./stream.ts";

/** How a client behaves; everything has a default. */
export interface RegistryClientOptions {
  /** What carries requests. */
  readonly fetch?: Fetch;
  /** Asked when the registry wants to know who we are; by default the files of docker and podman. */
  readonly credentials?: CredentialSource;
  /** Speaks plain http, and sends credentials over it; loopback registries are spoken to so anyhow. */
  readonly insecure?: boolean;
  /** Speaks https to a loopback registry too. */
  readonly secure?: boolean;
  readonly retry?: RetryPolicy;
  /** Other repositories of the registry, from which blobs shall be mounted: tokens to push are asked for so that they may. */
  readonly mountFrom?: readonly RepositoryName[];
  readonly headTimeoutMs?: number;
  readonly stallMs?: number;
  /** Told of each text that the registry wants people to know, as often as it says so. */
  readonly onWarning?: (text: string) => void;
}

const HEAD_TIMEOUT_MS = 60_000;
const STALL_MS = 60_000;

/** See the file's head. */
export class RegistryClient {
  readonly registry: RegistryName;
  readonly repository: RepositoryName;
  readonly #session: Session;
  readonly #reading: BlobReading;

  constructor(repository: Repository, options: RegistryClientOptions = {}) {
    this.registry = repository.registry;
    this.repository = repository.repository;
    const retry = options.retry ?? DEFAULT_RETRY;
    const http = {
      fetch: options.fetch ?? directFetch,
      registry: repository.registry,
      retry,
      userAgent: `teu/${version}`,
      headTimeoutMs: options.headTimeoutMs ?? HEAD_TIMEOUT_MS,
      onWarning: options.onWarning,
    };
    const credentials = options.credentials ?? fileCredentials(credentialFiles(process.env));
    const sources = options.mountFrom ?? [];
    this.#session = new Session(http, repository, options, credentials, sources);
    const stallMs = options.stallMs ?? STALL_MS;
    const connections = connectionsTo(repository.registry);
    this.#reading = { session: this.#session, ...this.#where, retry, stallMs, connections };
  }

  /** Whether somebody is there who speaks the protocol, and lets us in. */
  async ping(signal?: AbortSignal): Promise<void> {
    const call = {
      method: "GET",
      url: `${this.#session.origin}/v2/`,
      action: "pull",
      expect: [200],
    } as const;
    await discard(await this.#session.send({ ...call, operation: "begin to talk" }, signal));
  }

  /** Changes a token of Microsoft Entra for a refresh token of this registry, an Azure one. */
  async exchangeEntraToken(token: EntraToken, signal?: AbortSignal): Promise<string> {
    return await exchangeEntraToken(this.#session, this.#where, token, signal);
  }

  /** Gets the manifest or index that a tag or digest names, with its exact bytes, verified. */
  async resolve(target: Tag | Digest, signal?: AbortSignal): Promise<ResolvedManifest> {
    return await getManifest(this.#session, this.#where, target, signal);
  }

  /**
   * Puts a manifest or index under a tag or its digest; what it refers to is there already. Where it has a subject and the
   * registry keeps no lists of referrers, the list under the subject's tag is brought up to date.
   */
  async putManifest(
    target: Tag | Digest,
    manifest: { readonly mediaType: string; readonly bytes: Uint8Array },
    signal?: AbortSignal,
  ): Promise<void> {
    const response = await this.#session.send(
      {
        method: "PUT",
        url: `${this.#session.origin}/v2/${this.repository}/manifests/${target}`,
        headers: { "content-type": manifest.mediaType },
        body: manifest.bytes,
        action: "push",
        expect: [201],
        operation: `push manifest ${target}`,
      },
      signal,
    );
    await discard(response);
    this.#checkStated(response, manifest.bytes);
    const referrer = referrerOf(manifest.bytes, manifest.mediaType);
    if (referrer !== undefined && !response.headers.has("oci-subject"))
      await this.#list(referrer, true, signal);
  }

  #checkStated(response: Response, bytes: Uint8Array): void {
    const stated = response.headers.get("docker-content-digest");
    // A registry may name it by another algorithm than we do.
    if (stated === null || !isDigest(stated)) return;
    const algorithm = digestAlgorithm(stated);
    const actual = isSupportedAlgorithm(algorithm) ? digestOf(bytes, algorithm) : stated;
    if (actual !== stated)
      throw new ManifestDigestMismatch({ ...this.#where, expected: actual, actual: stated });
  }

  /** Puts a manifest on the list that clients keep, or takes it off. Does nothing where the registry keeps the list. */
  async #list(
    { subject, descriptor }: Referrer,
    isListed: boolean,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { keptBy, descriptors } = await this.referrers(subject, undefined, signal);
    if (keptBy === "registry") return;
    const others = descriptors.filter(({ digest }) => digest !== descriptor.digest);
    const list = isListed ? [...others, descriptor] : others;
    await this.putManifest(referrersTag(subject), encodeReferrers(list), signal);
  }

  /** What refers to a manifest, of one artifact type if one is said. */
  async referrers(subject: Digest, artifactType?: string, signal?: AbortSignal): Promise<Referrers> {
    return await listReferrers(this.#session, this.#where, subject, artifactType, signal);
  }

  /** The tags of the repository, page by page. @param pageSize  What the registry is asked to put on one. */
  tags(signal?: AbortSignal, pageSize?: number): AsyncGenerator<string> {
    return listTags(this.#session, this.#where, pageSize, signal);
  }

  /** The repositories of the registry, page by page, as far as it tells. */
  repositories(signal?: AbortSignal, pageSize?: number): AsyncGenerator<string> {
    return listRepositories(this.#session, this.#where, pageSize, signal);
  }

  /** Some repositories of the registry with `text` in their name, by its own search or among all. */
  async search(text: string, limit: number, signal?: AbortSignal): Promise<FoundRepository[]> {
    return await searchRepositories(this.#session, this.#where, text, limit, signal);
  }

  /** What a manifest is, without its bytes: some registries do not count that as a pull. @throws {ManifestNotFound} */
  async statManifest(target: Tag | Digest, signal?: AbortSignal): Promise<Descriptor> {
    return await statManifest(this.#session, this.#where, target, signal);
  }

  /**
   * Takes a tag away, or by its digest a manifest with all its tags; where clients keep the lists of referrers, it leaves its
   * subject's too. @throws {ManifestNotFound}
   */
  async deleteManifest(target: Tag | Digest, signal?: AbortSignal): Promise<void> {
    const manifest = isDigest(target) ? await this.resolve(target, signal) : undefined;
    await deleteManifest(this.#session, this.#where, target, signal);
    const referrer = manifest && referrerOf(manifest.bytes, manifest.mediaType);
    if (referrer !== undefined) await this.#list(referrer, false, signal);
  }

  /** The blob with its size. Undefined: the repository does not hold it. */
  async statBlob(digest: Digest, signal?: AbortSignal): Promise<BlobAddress | undefined> {
    const found = await statBlob(this.#session, this.#where, digest, signal);
    if (found === undefined) return undefined;
    if (found.size !== undefined) return { digest, size: found.size };
    throw new BadRegistryAnswer({
      registry: this.registry,
      operation: `look for ${digest}`,
      reason: "it does not say how large it is",
    });
  }

  /** Takes a blob away. @returns whether it was there */
  async deleteBlob(digest: Digest, signal?: AbortSignal): Promise<boolean> {
    return await deleteBlob(this.#session, this.#where, digest, signal);
  }

  /** Whether the repository, into which somebody pushes, says that it holds this blob. @throws {BadRegistryAnswer} It does, with another size. */
  async hasBlob(blob: BlobAddress, signal?: AbortSignal): Promise<boolean> {
    return await hasBlob(this.#session, this.#where, blob, signal);
  }

  /** The blob's bytes; the stream fails before its end unless length and digest are right. */
  getBlob(blob: BlobAddress, signal?: AbortSignal): ReadableStream<Uint8Array> {
    return streamOf(verified(this.readBlob(blob, 0, signal), blob.digest));
  }

  /**
   * The blob's bytes from `start` on, for a store that verifies what it ingests: the length is checked here, the
   * digest is not. A broken download goes on where it broke.
   */
  readBlob(blob: BlobAddress, start: number, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    return readBlob(this.#reading, blob, start, signal);
  }

  /** A part of the blob; whoever asks for several at once minds `connections`. @throws {RangesIgnored} */
  readRange(
    blob: BlobAddress,
    range: ByteRange,
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, void> {
    return readRange(this.#reading, blob, range, signal);
  }

  /** Those of this process to the registry that bring blobs. */
  get connections(): Connections {
    return this.#reading.connections;
  }

  /** Uploads a blob. `open` may be called more than once: a failed upload begins again. */
  async pushBlob(blob: BlobAddress, open: BlobSource, signal?: AbortSignal): Promise<void> {
    const pushing = { session: this.#session, repository: this.#where, retry: this.#reading.retry };
    await pushBlob(pushing, blob, open, signal);
  }

  /** Has the registry take a blob from another of its repositories. @returns whether it did */
  async mountBlob(blob: BlobAddress, from: RepositoryName, signal?: AbortSignal): Promise<boolean> {
    return await mountBlob({ session: this.#session, repository: this.#where }, blob, from, signal);
  }

  get #where(): Repository {
    return { registry: this.registry, repository: this.repository };
  }
}
