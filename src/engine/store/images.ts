/** Records of images: a name, and what it points at. */
import type { Database } from "bun:sqlite";
import { type Digest, familiarReference, parseReference } from "../../spec/index.ts";
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

/** Points `reference` at a target; whatever it pointed at before is forgotten. @param action  Docker's word for how it came here. Source: moby, daemon/images. */
export function putImage(
  database: Database,
  namespace: string,
  image: Pick<ImageRecord, "reference" | "mediaType" | "digest" | "size">,
  action: "tag" | "pull" | "load" | "import" = "tag",
): void {
  database
    .query(
      `INSERT INTO images (namespace, reference, media_type, digest, size, created_at, updated_at)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
       ON CONFLICT (namespace, reference) DO UPDATE SET
         media_type = excluded.media_type, digest = excluded.digest, size = excluded.size, updated_at = excluded.updated_at`,
    )
    .run(namespace, image.reference, image.mediaType, image.digest, image.size, Date.now());
  const name = familiarOf(image.reference);
  if (action === "import") noteImageEvent(database, namespace, "tag", image.digest, name);
  if (action !== "pull") noteImageEvent(database, namespace, action, image.digest, name);
  else noteImageEvent(database, namespace, action, name, repositoryOf(image.reference));
}

/** @param actor  Docker's choice: what was pulled is told by its name, everything else by its ID. */
function noteImageEvent(
  database: Database,
  namespace: string,
  action: string,
  actor: string,
  name: string,
): void {
  noteEvent(database, namespace, { type: "image", action, actor, attributes: { name } });
}

function familiarOf(reference: string): string {
  return familiarReference(parseReference(reference));
}

function repositoryOf(reference: string): string {
  return familiarReference({ ...parseReference(reference), tag: undefined, digest: undefined });
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

/** The names of the images that containers were made of. */
export function namesOfContainersImages(
  database: Database,
  namespace: string,
): Pick<ImageRecord, "reference" | "digest">[] {
  return database
    .query<Pick<ImageRecord, "reference" | "digest">, [string]>(
      `SELECT reference, digest FROM images
       WHERE namespace = ?1 AND digest IN (SELECT image_digest FROM containers) ORDER BY reference`,
    )
    .all(namespace);
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
  const gone = findImage(database, namespace, reference);
  if (gone === undefined) return false;
  database.query("DELETE FROM images WHERE namespace = ?1 AND reference = ?2").run(namespace, reference);
  const { digest } = gone;
  noteImageEvent(database, namespace, "untag", digest, familiarOf(reference));
  // A name that is left keeps it, and so does a container.
  const left = database.query(
    `SELECT 1 FROM images WHERE namespace = ?1 AND digest = ?2
     UNION ALL SELECT 1 FROM containers WHERE image_digest = ?2 LIMIT 1`,
  );
  if (left.get(namespace, digest) === null) noteImageEvent(database, namespace, "delete", digest, digest);
  return true;
}
