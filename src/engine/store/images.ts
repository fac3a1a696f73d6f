/** Records of images: a name, and what it points at. */
import type { Database } from "bun:sqlite";
import type { Digest } from "../../spec/index.ts";
import { noteEvent } from "./events.ts";

/** What a reference points at. */
export interface ImageRecord {
  /** The reference in its one spelling: `docker.io/library/debian:12`. */
  readonly reference: string;
  /** Of the target: a manifest, or an index. */
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** When a container was made of it, the last time; null: never. */
  readonly usedAt: number | null;
}

const COLUMNS =
  "reference, media_type AS mediaType, digest, size, created_at AS createdAt, updated_at AS updatedAt, used_at AS usedAt";

/** Points `reference` at a target; whatever it pointed at before is forgotten. @param action  Docker's word for how it came here. */
export function putImage(
  database: Database,
  namespace: string,
  image: Pick<ImageRecord, "reference" | "mediaType" | "digest" | "size">,
  action: "tag" | "pull" | "load" = "tag",
): void {
  database
    .query(
      `INSERT INTO images (namespace, reference, media_type, digest, size, created_at, updated_at)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
       ON CONFLICT (namespace, reference) DO UPDATE SET
         media_type = excluded.media_type, digest = excluded.digest, size = excluded.size, updated_at = excluded.updated_at`,
    )
    .run(namespace, image.reference, image.mediaType, image.digest, image.size, Date.now());
  noteEvent(database, namespace, {
    ...{ type: "image", action, actor: image.reference },
    attributes: { name: image.reference, digest: image.digest },
  });
}

/** Notes that the images with this target are used now. */
export function noteImageUse(database: Database, namespace: string, digest: Digest): void {
  database
    .query("UPDATE images SET used_at = ?3 WHERE namespace = ?1 AND digest = ?2")
    .run(namespace, digest, Date.now());
}

/** The record of `reference`, if there is one. */
export function findImage(database: Database, namespace: string, reference: string): ImageRecord | undefined {
  return (
    database
      .query<ImageRecord, [string, string]>(
        `SELECT ${COLUMNS} FROM images WHERE namespace = ?1 AND reference = ?2`,
      )
      .get(namespace, reference) ?? undefined
  );
}

/** Every record of `namespace`, by name. */
export function listImages(database: Database, namespace: string): ImageRecord[] {
  return database
    .query<ImageRecord, [string]>(`SELECT ${COLUMNS} FROM images WHERE namespace = ?1 ORDER BY reference`)
    .all(namespace);
}

/** Every name of every namespace, each once, and what it points at. */
export function imageNames(
  database: Database,
): Pick<ImageRecord, "reference" | "mediaType" | "digest" | "size">[] {
  return database
    .query<Pick<ImageRecord, "reference" | "mediaType" | "digest" | "size">, []>(
      "SELECT reference, media_type AS mediaType, digest, size, min(namespace) FROM images GROUP BY reference ORDER BY reference",
    )
    .all();
}

/** Every target of every namespace: what content must be kept for. */
export function imageTargets(database: Database): Pick<ImageRecord, "mediaType" | "digest" | "size">[] {
  return database
    .query<Pick<ImageRecord, "mediaType" | "digest" | "size">, []>(
      "SELECT DISTINCT media_type AS mediaType, digest, size FROM images",
    )
    .all();
}

/** Forgets `reference`. @returns whether there was such a record */
export function deleteImage(database: Database, namespace: string, reference: string): boolean {
  const query = database.query("DELETE FROM images WHERE namespace = ?1 AND reference = ?2");
  if (query.run(namespace, reference).changes === 0) return false;
  const attributes = { name: reference };
  noteEvent(database, namespace, { type: "image", action: "untag", actor: reference, attributes });
  return true;
}
