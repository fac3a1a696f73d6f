/**
 * What a repository holds, as files below its folder; the content itself lies in the content store, shared by all.
 *
 *     _manifests/sha256/HEX       a ManifestLink: media type, size, subject
 *     _blobs/sha256/HEX           empty: the repository holds this blob
 *     _tags/TAG                   the digest
 *     _referrers/sha256/HEX/…     a descriptor of each manifest whose subject is that digest
 *
 * No component of a repository's name begins with `_`, so these never collide with a repository below.
 * Order of durability: content, link, referrer, tag; removal the other way round. Changes of one repository are serialised.
 */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as yieldToOthers } from "node:timers/promises";
import {
  type Digest,
  digestAlgorithm,
  digestEncoded,
  isDigest,
  isRepositoryName,
  isTag,
  type RepositoryName,
  type Tag,
} from "../../spec/index.ts";
import { isMissing, readSmall, removeDurably, UNFINISHED, writeDurably } from "./durable.ts";

/** What is known of a manifest without reading it. */
export interface ManifestLink {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  /** The manifest that this one is about, and how the referrers list describes this one. */
  readonly refersTo?: { readonly subject: Digest; readonly descriptor: Readonly<Record<string, unknown>> };
}

/** Small files are read this many at a time between two turns of the event loop. */
const BATCH = 256;

/** All repositories of a registry. */
export class Repositories {
  readonly #root: string;
  /** The last change under way of each repository. */
  readonly #changes = new Map<string, Promise<unknown>>();

  constructor(root: string) {
    this.#root = root;
  }

  /** The repository of this name, which need not exist. */
  open(name: RepositoryName): Repository {
    return new Repository(name, join(this.#root, name), (task) => this.#serialise(name, task));
  }

  /** The names of all that hold a manifest, or held one, in byte order. */
  async list(): Promise<RepositoryName[]> {
    return (await this.#having("_manifests")).sort(byBytes);
  }

  /** A repository that holds a blob, if there is one. */
  async holderOf(digest: Digest): Promise<RepositoryName | undefined> {
    return (await this.#having("_blobs")).find((name) => this.open(name).hasBlob(digest));
  }

  async #having(kind: "_manifests" | "_blobs"): Promise<RepositoryName[]> {
    const names: RepositoryName[] = [];
    const walk = async (name: string): Promise<void> => {
      const entries = await readFolder(join(this.#root, name));
      if (entries.includes(kind) && isRepositoryName(name)) names.push(name);
      for (const entry of entries)
        if (!entry.startsWith("_")) await walk(name === "" ? entry : `${name}/${entry}`);
    };
    await walk("");
    return names;
  }

  async #serialise<T>(name: string, task: () => Promise<T>): Promise<T> {
    const before = this.#changes.get(name);
    const mine = (async () => {
      // Its failure is its caller's; ours is to wait.
      await before?.catch(() => undefined);
      return await task();
    })();
    this.#changes.set(name, mine);
    try {
      return await mine;
    } finally {
      if (this.#changes.get(name) === mine) this.#changes.delete(name);
    }
  }
}

/** One repository. */
export class Repository {
  readonly name: RepositoryName;
  readonly #folder: string;
  readonly #serialise: <T>(task: () => Promise<T>) => Promise<T>;

  /** For `Repositories.open()`. */
  constructor(name: RepositoryName, folder: string, serialise: <T>(task: () => Promise<T>) => Promise<T>) {
    this.name = name;
    this.#folder = folder;
    this.#serialise = serialise;
  }

  /** Whether anything was ever pushed here. */
  exists(): boolean {
    return existsSync(join(this.#folder, "_manifests")) || existsSync(join(this.#folder, "_blobs"));
  }

  /** The digest that a tag names. */
  tag(tag: Tag): Digest | undefined {
    const text = readSmall(join(this.#folder, "_tags", tag));
    return text !== undefined && isDigest(text) ? text : undefined;
  }

  /** All tags in byte order. */
  async tags(): Promise<Tag[]> {
    return (await readFolder(join(this.#folder, "_tags"))).filter(isTag).sort(byBytes);
  }

  /** What is known of a manifest that this repository holds. */
  manifest(digest: Digest): ManifestLink | undefined {
    const text = readSmall(this.#path("_manifests", digest));
    return text === undefined ? undefined : (JSON.parse(text) as ManifestLink); // written by putManifest() only
  }

  /** Whether this repository holds a blob. */
  hasBlob(digest: Digest): boolean {
    return existsSync(this.#path("_blobs", digest));
  }

  /** Adds a blob; its content is durable already. */
  async linkBlob(digest: Digest): Promise<void> {
    if (!this.hasBlob(digest)) await writeDurably(this.#path("_blobs", digest), "");
  }

  /** Takes a blob away. @returns whether it was there. */
  async unlinkBlob(digest: Digest): Promise<boolean> {
    return await removeDurably(this.#path("_blobs", digest));
  }

  /** Adds a manifest, whose content is durable already, and lets `tags` name it. */
  async putManifest(link: ManifestLink, tags: readonly Tag[]): Promise<void> {
    await this.#serialise(async () => {
      await writeDurably(this.#path("_manifests", link.digest), JSON.stringify(link));
      if (link.refersTo !== undefined)
        await writeDurably(
          this.#referrerPath(link.refersTo.subject, link.digest),
          JSON.stringify(link.refersTo.descriptor),
        );
      for (const tag of tags) await writeDurably(join(this.#folder, "_tags", tag), link.digest);
    });
  }

  /** Takes a manifest away, and every tag that names it. @returns whether it was there. */
  async deleteManifest(digest: Digest): Promise<boolean> {
    return await this.#serialise(async () => {
      const link = this.manifest(digest);
      if (link === undefined) return false;
      for (const [index, tag] of (await this.tags()).entries()) {
        if (index % BATCH === BATCH - 1) await yieldToOthers();
        if (this.tag(tag) === digest) await removeDurably(join(this.#folder, "_tags", tag));
      }
      if (link.refersTo !== undefined) await removeDurably(this.#referrerPath(link.refersTo.subject, digest));
      return await removeDurably(this.#path("_manifests", digest));
    });
  }

  /** Takes a tag away; what it named stays. @returns whether it was there. */
  async deleteTag(tag: Tag): Promise<boolean> {
    return await this.#serialise(async () => await removeDurably(join(this.#folder, "_tags", tag)));
  }

  /** The manifests about `subject`, ordered by digest, from the first after `last` on, read as they are asked for. */
  async *referrers(subject: Digest, last: string): AsyncGenerator<{ key: string; text: string }> {
    const folder = this.#referrersFolder(subject);
    const keys = (await readFolder(folder)).filter((key) => key > last && !key.startsWith(UNFINISHED));
    for (const [index, key] of keys.sort(byBytes).entries()) {
      if (index % BATCH === BATCH - 1) await yieldToOthers();
      const text = readSmall(join(folder, key));
      // Deleted since the folder was read.
      if (text !== undefined) yield { key, text };
    }
  }

  #path(kind: "_manifests" | "_blobs", digest: Digest): string {
    return join(this.#folder, kind, digestAlgorithm(digest), digestEncoded(digest));
  }

  #referrersFolder(subject: Digest): string {
    return join(this.#folder, "_referrers", digestAlgorithm(subject), digestEncoded(subject));
  }

  #referrerPath(subject: Digest, digest: Digest): string {
    return join(this.#referrersFolder(subject), digest.replace(":", "-"));
  }
}

/** Code unit order, which for our ASCII names is the byte order that clients expect. */
function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

async function readFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
