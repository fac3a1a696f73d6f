/** Records of volumes, and of which container has which. */
import type { Database } from "bun:sqlite";
import { noteEvent } from "./events.ts";

/** A directory that outlives containers. */
export interface VolumeRecord {
  readonly name: string;
  /** Of its driver, `local`: type, device, o. */
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Made for one container, and named by nobody. */
  readonly isAnonymous: boolean;
  readonly createdAt: number;
}

/** A container's hold on a volume. */
export interface VolumeUse {
  readonly container: string;
  readonly volume: string;
}

interface Row {
  name: string;
  options: string;
  labels: string;
  anonymous: number;
  created_at: number;
}

/** Docker's, of volumes that nobody named. */
export const ANONYMOUS_LABEL = "com.docker.volume.anonymous";

const COLUMNS = "name, options, labels, anonymous, created_at";

/** Records a volume whose name is free. The caller is in a transaction. */
export function addVolume(
  database: Database,
  namespace: string,
  { name, options, labels, isAnonymous }: Omit<VolumeRecord, "createdAt">,
): void {
  database
    .query(
      "INSERT INTO volumes (namespace, name, options, labels, anonymous, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )
    .run(namespace, name, JSON.stringify(options), JSON.stringify(labels), isAnonymous ? 1 : 0, Date.now());
  noteVolumeEvent(database, namespace, name, "create");
}

/** The volume of this name; one that is being removed is none. */
export function findVolume(database: Database, namespace: string, name: string): VolumeRecord | undefined {
  const row = database
    .query<Row, [string, string]>(
      `SELECT ${COLUMNS} FROM volumes WHERE namespace = ?1 AND name = ?2 AND removing = 0`,
    )
    .get(namespace, name);
  return row === null ? undefined : fromRow(row);
}

/** The volumes of `namespace`, by name. */
export function listVolumes(database: Database, namespace: string): VolumeRecord[] {
  return database
    .query<Row, [string]>(
      `SELECT ${COLUMNS} FROM volumes WHERE namespace = ?1 AND removing = 0 ORDER BY name`,
    )
    .all(namespace)
    .map(fromRow);
}

function fromRow({ name, options, labels, anonymous, created_at }: Row): VolumeRecord {
  return {
    name,
    options: JSON.parse(options) as Record<string, string>, // both as addVolume wrote them
    labels: JSON.parse(labels) as Record<string, string>,
    isAnonymous: anonymous !== 0,
    createdAt: created_at,
  };
}

/** Begins the removal of a volume that no container has. The caller is in a transaction. */
export function markRemoving(database: Database, namespace: string, name: string): void {
  database.query("UPDATE volumes SET removing = 1 WHERE namespace = ?1 AND name = ?2").run(namespace, name);
  noteVolumeEvent(database, namespace, name, "destroy");
}

function noteVolumeEvent(database: Database, namespace: string, name: string, action: string): void {
  const attributes = { driver: "local" };
  noteEvent(database, namespace, { type: "volume", action, actor: name, attributes });
}

/** Volumes of any namespace whose removal has begun and not ended. */
export function removingVolumes(database: Database): { namespace: string; name: string }[] {
  return database
    .query<{ namespace: string; name: string }, []>("SELECT namespace, name FROM volumes WHERE removing = 1")
    .all();
}

/** Forgets a volume whose removal has begun. @returns whether it was there still */
export function deleteVolume(database: Database, namespace: string, name: string): boolean {
  return (
    database
      .query("DELETE FROM volumes WHERE namespace = ?1 AND name = ?2 AND removing = 1")
      .run(namespace, name).changes > 0
  );
}

/** Lets a container hold a volume: that is not removed before it. The caller is in a transaction. */
export function addVolumeUse(database: Database, namespace: string, { container, volume }: VolumeUse): void {
  database
    .query("INSERT OR IGNORE INTO volume_uses (container, namespace, volume) VALUES (?1, ?2, ?3)")
    .run(container, namespace, volume);
}

/** Who has which volume, or the volume `name`. */
export function listVolumeUses(database: Database, namespace: string, name?: string): VolumeUse[] {
  return database
    .query<VolumeUse, [string, string | null]>(
      `SELECT container, volume FROM volume_uses WHERE namespace = ?1 AND (?2 IS NULL OR volume = ?2)
       ORDER BY container, volume`,
    )
    .all(namespace, name ?? null);
}

/** Lets the volumes of a container go. */
export function deleteVolumeUses(database: Database, container: string): void {
  database.query("DELETE FROM volume_uses WHERE container = ?1").run(container);
}
