/** Metadata in SQLite: see metadata.ts for what it promises and database.ts for how it keeps that. */
import type { Database } from "bun:sqlite";
import type { Digest, RepositoryName, Tag } from "../../../spec/index.ts";
import type { TagOrDigest } from "../route.ts";
import { Checkpoints } from "./checkpoints.ts";
import { LogSync, openDatabase } from "./database.ts";
import {
  ALL_TAG_RIGHTS,
  BlobsMissing,
  type ManifestLink,
  type Metadata,
  type NewManifest,
  type Slice,
  TagDenied,
  type TagRights,
  type UploadRecord,
} from "./metadata.ts";
import { NO_POLICY, QuotaExceeded, quotasOf, type StoragePolicy, TagImmutable } from "./policy.ts";
import { RecentLinks } from "./recent-links.ts";
import { SqliteEvents } from "./sqlite-events.ts";
import { SqliteUpkeep } from "./sqlite-upkeep.ts";

const NUMBER = "(SELECT number FROM repositories WHERE name = ?1)";
const LINK = "manifests.media_type AS mediaType, manifests.digest, manifests.size";
/** Of a base layer there may be a hundred thousand. */
const MAX_HOLDERS = 1000;
const TOUCH_MS = 60_000;

/** Opens the metadata at `path`. */
export function openMetadata(
  path: string,
  policy: StoragePolicy = NO_POLICY,
  hasContent?: () => boolean,
): SqliteMetadata {
  const database = openDatabase(path, hasContent);
  const log = new LogSync(path);
  return new SqliteMetadata(database, log, new Checkpoints(database, log, path), policy);
}

/** Rows are written by this class only, so what they hold has been checked. */
export class SqliteMetadata implements Metadata {
  readonly upkeep: SqliteUpkeep;
  readonly events: SqliteEvents;
  readonly database: Database;
  readonly #log: LogSync;
  readonly #checkpoints: Checkpoints;
  readonly #policy: StoragePolicy;
  readonly #recent: RecentLinks;

  constructor(database: Database, log: LogSync, checkpoints: Checkpoints, policy: StoragePolicy) {
    this.database = database;
    this.#log = log;
    this.#checkpoints = checkpoints;
    this.#policy = policy;
    this.#recent = new RecentLinks(database);
    this.events = new SqliteEvents(database);
    this.upkeep = new SqliteUpkeep(database, log, checkpoints, this.events);
  }

  repositories({ after, limit }: Slice): RepositoryName[] {
    const sql = `SELECT name FROM repositories WHERE name > ?1
      AND EXISTS (SELECT 1 FROM manifests WHERE repository = number) ORDER BY name LIMIT ?2`;
    return this.database
      .query<{ name: RepositoryName }, [string, number]>(sql)
      .all(after, limit)
      .map(({ name }) => name);
  }

  hasRepository(repository: RepositoryName): boolean {
    return this.#number(repository) !== undefined;
  }

  tags(repository: RepositoryName, { after, limit }: Slice): Tag[] {
    const sql = `SELECT tag FROM tags WHERE repository = ${NUMBER} AND tag > ?2 ORDER BY tag LIMIT ?3`;
    return this.database
      .query<{ tag: Tag }, [string, string, number]>(sql)
      .all(repository, after, limit)
      .map(({ tag }) => tag);
  }

  tag(repository: RepositoryName, tag: Tag): Digest | undefined {
    const sql = `SELECT digest FROM tags WHERE repository = ${NUMBER} AND tag = ?2`;
    return this.database.query<{ digest: Digest }, [string, string]>(sql).get(repository, tag)?.digest;
  }

  manifest(repository: RepositoryName, target: TagOrDigest): ManifestLink | undefined {
    const name = target.kind === "tag" ? target.tag : target.digest;
    return this.#recent.find(`${repository} ${name}`, () => this.#look(repository, target));
  }

  #look(repository: RepositoryName, target: TagOrDigest): ManifestLink | undefined {
    const byTag = `SELECT ${LINK} FROM tags JOIN manifests USING (repository, digest)
      WHERE repository = ${NUMBER} AND tag = ?2`;
    const byDigest = `SELECT ${LINK} FROM manifests WHERE repository = ${NUMBER} AND digest = ?2`;
    const query = this.database.query<ManifestLink, [string, string]>(
      target.kind === "tag" ? byTag : byDigest,
    );
    return query.get(repository, target.kind === "tag" ? target.tag : target.digest) ?? undefined;
  }

  async putManifest(
    repository: RepositoryName,
    manifest: NewManifest,
    tags: readonly Tag[],
    rights: TagRights = ALL_TAG_RIGHTS,
  ): Promise<void> {
    const { digest, mediaType, size, refersTo } = manifest;
    await this.#change(() => {
      const missing = manifest.required.filter((blob) => this.blob(repository, blob) === undefined);
      if (missing.length > 0) throw new BlobsMissing({ repository, digests: missing });
      const number = this.#makeRepository(repository);
      for (const tag of tags) {
        this.#requireRight(repository, tag, digest, rights);
        this.#requireMovable(repository, tag, digest);
      }
      if (this.manifest(repository, { kind: "digest", digest }) === undefined)
        this.#grow(repository, number, size);
      this.database
        .query(
          `INSERT INTO manifests (repository, digest, media_type, size, subject, artifact_type, descriptor, pushed_at)
          VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
          ON CONFLICT DO UPDATE SET media_type = ?3, artifact_type = ?6, descriptor = ?7, pushed_at = ?8`,
        )
        .run(
          number,
          digest,
          mediaType,
          size,
          refersTo?.subject ?? null,
          refersTo?.descriptor.artifactType ?? null,
          refersTo === undefined ? null : JSON.stringify(refersTo.descriptor),
          Date.now(),
        );
      const child = this.database.query("INSERT OR IGNORE INTO children VALUES (?1, ?2, ?3)");
      for (const each of manifest.children) child.run(number, digest, each);
      const tagging = this.database.query(
        "INSERT INTO tags VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET digest = ?3, pushed_at = ?4",
      );
      for (const tag of tags) tagging.run(number, tag, digest, Date.now());
      this.events.add({ type: "manifest.pushed", repository, data: { digest, mediaType, size, tags } });
    });
  }

  async deleteManifest(repository: RepositoryName, digest: Digest): Promise<boolean> {
    return await this.#change(() => {
      const link = this.manifest(repository, { kind: "digest", digest });
      if (link === undefined) return false;
      const named = `SELECT tag FROM tags WHERE repository = ${NUMBER} AND digest = ?2`;
      for (const { tag } of this.database
        .query<{ tag: Tag }, [string, string]>(named)
        .all(repository, digest))
        this.#requireMovable(repository, tag, undefined);
      this.database
        .query(`DELETE FROM manifests WHERE repository = ${NUMBER} AND digest = ?2`)
        .run(repository, digest);
      this.#shrink(repository, link.size);
      this.events.add({ type: "manifest.deleted", repository, data: { digest } });
      return true;
    });
  }

  async deleteTag(repository: RepositoryName, tag: Tag): Promise<boolean> {
    return await this.#change(() => {
      this.#requireMovable(repository, tag, undefined);
      const sql = `DELETE FROM tags WHERE repository = ${NUMBER} AND tag = ?2`;
      const isDeleted = this.database.query(sql).run(repository, tag).changes > 0;
      if (isDeleted) this.events.add({ type: "tag.deleted", repository, data: { tag } });
      return isDeleted;
    });
  }

  referrers(
    repository: RepositoryName,
    subject: Digest,
    artifactType: string | undefined,
    { after, limit }: Slice,
  ): { digest: Digest; descriptor: string }[] {
    // Said, since of 50,000 referrers the planner would else look at all for the few of a rare type.
    const [index, filter] =
      artifactType === undefined
        ? ["manifests_subject", "AND ?5 IS NULL"]
        : ["manifests_artifact", "AND artifact_type = ?5"];
    const sql = `SELECT digest, descriptor FROM manifests INDEXED BY ${index}
      WHERE repository = ${NUMBER} AND subject = ?2 AND digest > ?3 ${filter} ORDER BY digest LIMIT ?4`;
    type Row = { digest: Digest; descriptor: string };
    return this.database
      .query<Row, [string, string, string, number, string | null]>(sql)
      .all(repository, subject, after, limit, artifactType ?? null);
  }

  parents(repository: RepositoryName, child: Digest): ManifestLink[] {
    const sql = `SELECT ${LINK} FROM children JOIN manifests ON manifests.repository = children.repository
      AND manifests.digest = manifest WHERE children.repository = ${NUMBER} AND child = ?2 ORDER BY pushed_at DESC LIMIT 8`;
    return this.database.query<ManifestLink, [string, string]>(sql).all(repository, child);
  }

  blob(repository: RepositoryName, digest: Digest): number | undefined {
    const sql = `SELECT size FROM blobs WHERE repository = ${NUMBER} AND digest = ?2`;
    return this.database.query<{ size: number }, [string, string]>(sql).get(repository, digest)?.size;
  }

  async linkBlob(repository: RepositoryName, digest: Digest, size: number): Promise<void> {
    await this.#change(() => {
      const number = this.#makeRepository(repository);
      if (this.blob(repository, digest) === undefined) this.#grow(repository, number, size);
      this.database
        .query("INSERT INTO blobs VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET linked_at = ?4")
        .run(number, digest, size, Date.now());
    });
  }

  async unlinkBlob(repository: RepositoryName, digest: Digest): Promise<boolean> {
    return await this.#change(() => {
      const size = this.blob(repository, digest);
      if (size === undefined) return false;
      this.database
        .query(`DELETE FROM blobs WHERE repository = ${NUMBER} AND digest = ?2`)
        .run(repository, digest);
      this.#shrink(repository, size);
      return true;
    });
  }

  touchBlob(repository: RepositoryName, digest: Digest): void {
    // Who is asked about again and again is not written again and again.
    const sql = `UPDATE blobs SET linked_at = ?3 WHERE repository = ${NUMBER} AND digest = ?2 AND linked_at < ?3 - ${TOUCH_MS}`;
    this.database.query(sql).run(repository, digest, Date.now());
  }

  isHeld(digest: Digest): boolean {
    const sql = `SELECT EXISTS (SELECT 1 FROM blobs WHERE digest = ?1)
      OR EXISTS (SELECT 1 FROM manifests WHERE digest = ?1) AS isHeld`;
    return this.database.query<{ isHeld: number }, [string]>(sql).get(digest)?.isHeld === 1;
  }

  holders(digest: Digest): RepositoryName[] {
    const sql = `SELECT name FROM blobs JOIN repositories ON number = repository WHERE digest = ?1 LIMIT ${MAX_HOLDERS}`;
    return this.database
      .query<{ name: RepositoryName }, [string]>(sql)
      .all(digest)
      .map(({ name }) => name);
  }

  requireRoom(repository: RepositoryName, bytes: number): void {
    for (const { prefix, bytes: limit } of quotasOf(this.#policy, repository)) {
      // "0" is the byte after "/": the names between are those below the prefix.
      const sql = `SELECT coalesce(sum(bytes), 0) AS used FROM repositories
        WHERE ?1 = '' OR name = ?1 OR (name >= ?1 || '/' AND name < ?1 || '0')`;
      const used = this.database.query<{ used: number }, [string]>(sql).get(prefix)?.used ?? 0;
      if (used + bytes > limit) throw new QuotaExceeded({ repository, prefix, limit, used, wanted: bytes });
    }
  }

  beginUpload({ id, repository, owner, beganAtMs }: UploadRecord): void {
    this.database.query("INSERT INTO uploads VALUES (?1, ?2, ?3, ?4)").run(id, repository, owner, beganAtMs);
    this.#checkpoints.note();
  }

  uploads(): UploadRecord[] {
    const sql = "SELECT id, repository, owner, began_at AS beganAtMs FROM uploads";
    return this.database.query<UploadRecord, []>(sql).all();
  }

  endUpload(id: string): void {
    this.database.query("DELETE FROM uploads WHERE id = ?1").run(id);
  }

  [Symbol.dispose](): void {
    this.#checkpoints[Symbol.dispose]();
    this.#log[Symbol.dispose]();
  }

  /** One transaction, and the wait until it is on disk. */
  async #change<T>(work: () => T): Promise<T> {
    const result = this.database.transaction(work).immediate();
    this.#checkpoints.note();
    await this.#log.wait();
    this.events.announce();
    return result;
  }

  #number(repository: RepositoryName): number | undefined {
    const sql = "SELECT number FROM repositories WHERE name = ?1";
    return this.database.query<{ number: number }, [string]>(sql).get(repository)?.number;
  }

  #makeRepository(repository: RepositoryName): number {
    const known = this.#number(repository);
    if (known !== undefined) return known;
    const made = this.database
      .query("INSERT INTO repositories (name, created_at) VALUES (?1, ?2)")
      .run(repository, Date.now());
    return Number(made.lastInsertRowid);
  }

  #grow(repository: RepositoryName, number: number, bytes: number): void {
    this.requireRoom(repository, bytes);
    this.database.query("UPDATE repositories SET bytes = bytes + ?2 WHERE number = ?1").run(number, bytes);
  }

  #shrink(repository: RepositoryName, bytes: number): void {
    this.database.query("UPDATE repositories SET bytes = bytes - ?2 WHERE name = ?1").run(repository, bytes);
  }

  /** Fails when to let `tag` name `digest` is what `rights` do not give. */
  #requireRight(
    repository: RepositoryName,
    tag: Tag,
    digest: Digest,
    { mayCreate, mayMove }: TagRights,
  ): void {
    const current = this.tag(repository, tag);
    if (current === undefined && !mayCreate) throw new TagDenied({ repository, tag, needs: "create" });
    if (current !== undefined && current !== digest && !mayMove)
      throw new TagDenied({ repository, tag, needs: "update" });
  }

  /** Fails when `tag` is immutable and names something else than `digest` already. */
  #requireMovable(repository: RepositoryName, tag: Tag, digest: Digest | undefined): void {
    const current = this.tag(repository, tag);
    if (current === undefined || current === digest) return;
    if (this.#policy.isImmutable(repository, tag)) throw new TagImmutable({ repository, tag });
  }
}
