/**
 * What repositories hold: which blobs, which manifests, which tags, and which uploads are under way. The content itself
 * lies in the content store, shared by all repositories.
 *
 * A change is visible to all at once and whole, and its promise is kept when the change would survive a power cut. Content
 * is durable before it is linked here. `metadataSuite()` is what every implementation must pass.
 */
import { TeuError } from "../../../base/index.ts";
import type { Digest, RepositoryName, Tag } from "../../../spec/index.ts";
import type { TagOrDigest } from "../route.ts";

/** An answer that some implementations have at once. */
export type Awaitable<T> = T | Promise<T>;

/** What is known of a manifest without reading it. */
export interface ManifestLink {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

/** The manifest that a manifest is about, and how the referrers list describes the latter. */
export interface RefersTo {
  readonly subject: Digest;
  readonly descriptor: { readonly artifactType?: string; readonly [field: string]: unknown };
}

/** A manifest that is pushed. */
export interface NewManifest extends ManifestLink {
  readonly refersTo?: RefersTo;
  /** What it is made of: config and layers, or manifests. */
  readonly children: readonly Digest[];
  /** Those of them that must be blobs of the repository. */
  readonly required: readonly Digest[];
}

/** A manifest refers to blobs that its repository has not. */
export class BlobsMissing extends TeuError<
  "blobs-missing",
  { repository: RepositoryName; digests: readonly Digest[] }
> {
  constructor(context: { repository: RepositoryName; digests: readonly Digest[] }) {
    const { repository, digests } = context;
    super(
      "blobs-missing",
      "failed-precondition",
      context,
      `Cannot store a manifest in ${repository}: ${digests.length} of its blobs are not there, ${digests[0]} first`,
    );
  }
}

/** What whoever pushes may do to the tags of a repository, when the change is made: others change them meanwhile. */
export interface TagRights {
  /** Let a tag that does not exist name something. */
  readonly mayCreate: boolean;
  /** Let a tag that exists name something else. */
  readonly mayMove: boolean;
}

/** Of whoever may do everything. */
export const ALL_TAG_RIGHTS: TagRights = { mayCreate: true, mayMove: true };

/** A tag is not what it was when the push was allowed, and so to push it needs another right. */
export class TagDenied extends TeuError<
  "tag-denied",
  { repository: RepositoryName; tag: Tag; needs: "create" | "update" }
> {
  constructor(context: { repository: RepositoryName; tag: Tag; needs: "create" | "update" }) {
    super(
      "tag-denied",
      "permission-denied",
      context,
      `Cannot push tag ${JSON.stringify(context.tag)} of ${context.repository}: it ${
        context.needs === "create" ? "does not exist any more" : "exists by now"
      }, and the right to ${context.needs} is missing`,
    );
  }
}

/** A part of a list: at most `limit` entries, all after `after`. */
export interface Slice {
  readonly after: string;
  readonly limit: number;
}

/** See the file's head. */
export interface Metadata extends Disposable {
  /** The names of repositories that hold a manifest, or held one, in byte order. */
  repositories(slice: Slice): Awaitable<RepositoryName[]>;
  /** Whether anything was ever pushed there. */
  hasRepository(repository: RepositoryName): Awaitable<boolean>;
  /** Tags in byte order. */
  tags(repository: RepositoryName, slice: Slice): Awaitable<Tag[]>;
  /** The digest that a tag names. */
  tag(repository: RepositoryName, tag: Tag): Awaitable<Digest | undefined>;

  manifest(repository: RepositoryName, target: TagOrDigest): Awaitable<ManifestLink | undefined>;
  /**
   * Adds a manifest, whose content is durable, and lets `tags` name it.
   * @param rights  All, if they are not said.
   * @throws {BlobsMissing} @throws {QuotaExceeded} @throws {TagImmutable} @throws {TagDenied}
   */
  putManifest(
    repository: RepositoryName,
    manifest: NewManifest,
    tags: readonly Tag[],
    rights?: TagRights,
  ): Promise<void>;
  /** Takes a manifest away, and every tag that names it. @returns whether it was there @throws {TagImmutable} */
  deleteManifest(repository: RepositoryName, digest: Digest): Promise<boolean>;
  /** Takes a tag away; what it named stays. @returns whether it was there @throws {TagImmutable} */
  deleteTag(repository: RepositoryName, tag: Tag): Promise<boolean>;
  /** Descriptors of the manifests about `subject` as JSON, ordered by digest, of one artifact type or of all. */
  referrers(
    repository: RepositoryName,
    subject: Digest,
    artifactType: string | undefined,
    slice: Slice,
  ): Awaitable<{ digest: Digest; descriptor: string }[]>;

  /** Some manifests of the repository that are made of `child`, the newest first. */
  parents(repository: RepositoryName, child: Digest): Awaitable<ManifestLink[]>;

  /** The size of a blob that the repository holds. */
  blob(repository: RepositoryName, digest: Digest): Awaitable<number | undefined>;
  /** Adds a blob, whose content is durable. @throws {QuotaExceeded} */
  linkBlob(repository: RepositoryName, digest: Digest, size: number): Promise<void>;
  /** Takes a blob away. @returns whether it was there */
  unlinkBlob(repository: RepositoryName, digest: Digest): Promise<boolean>;
  /** Says that somebody relies on a blob being there: to upkeep it is as if it were pushed now. */
  touchBlob(repository: RepositoryName, digest: Digest): Awaitable<void>;
  /** Whether any repository holds content of this digest, as a blob or as a manifest. */
  isHeld(digest: Digest): Awaitable<boolean>;
  /** Repositories that hold a blob: some, if they are very many. */
  holders(digest: Digest): Awaitable<RepositoryName[]>;
  /** Fails when `bytes` more would not fit. @throws {QuotaExceeded} */
  requireRoom(repository: RepositoryName, bytes: number): Awaitable<void>;

  /** Notes an upload; that need not survive a power cut. */
  beginUpload(upload: UploadRecord): Awaitable<void>;
  uploads(): Awaitable<UploadRecord[]>;
  endUpload(id: string): Awaitable<void>;
}

/** An upload under way; its bytes lie in the content store's ingest of the same id. */
export interface UploadRecord {
  readonly id: string;
  readonly repository: RepositoryName;
  /** Who began it, and who alone goes on with it; empty: anybody. */
  readonly owner: string;
  readonly beganAtMs: number;
}
