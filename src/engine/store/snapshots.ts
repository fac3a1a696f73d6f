/** Records of snapshots: which directory holds which state of a file system, and on which it stands. */
import type { Database } from "bun:sqlite";

/** One snapshot: a committed one is a layer on its parents; an active one is what a container writes. */
export interface SnapshotRecord {
  /** Names its directory below the store's snapshots. */
  readonly number: number;
  readonly kind: "committed" | "active";
  /** The chainID, or the container's ID. */
  readonly key: string;
  readonly parent: number | null;
  /** Bytes of file content that it adds to its parent. */
  readonly size: number;
}

const COLUMNS = "number, kind, key, parent, size";

/** Records a snapshot. The caller's transaction says what becomes visible with it. */
export function addSnapshot(
  database: Database,
  snapshot: Omit<SnapshotRecord, "number"> & { number?: number },
): SnapshotRecord {
  const { kind, key, parent, size } = snapshot;
  const { lastInsertRowid } = database
    .query(
      "INSERT INTO snapshots (number, kind, key, parent, size, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )
    .run(snapshot.number ?? null, kind, key, parent, size, Date.now());
  return { number: Number(lastInsertRowid), kind, key, parent, size };
}

/** The snapshot called `key`, if there is one. */
export function findSnapshot(database: Database, key: string): SnapshotRecord | undefined {
  return (
    database.query<SnapshotRecord, [string]>(`SELECT ${COLUMNS} FROM snapshots WHERE key = ?1`).get(key) ??
    undefined
  );
}

/** Every snapshot. */
export function listSnapshots(database: Database): SnapshotRecord[] {
  return database.query<SnapshotRecord, []>(`SELECT ${COLUMNS} FROM snapshots ORDER BY number`).all();
}

/** `number` and all that it stands on, itself first. */
export function snapshotChain(database: Database, number: number): SnapshotRecord[] {
  return database
    .query<SnapshotRecord, [number]>(
      `WITH RECURSIVE chain (depth, ${COLUMNS}) AS (
         SELECT 0, ${COLUMNS} FROM snapshots WHERE number = ?1
         UNION ALL
         SELECT depth + 1, s.number, s.kind, s.key, s.parent, s.size FROM snapshots s JOIN chain c ON s.number = c.parent
       ) SELECT ${COLUMNS} FROM chain ORDER BY depth`,
    )
    .all(number);
}

/** Forgets a snapshot on which no other stands. */
export function deleteSnapshot(database: Database, number: number): void {
  database.query("DELETE FROM snapshots WHERE number = ?1").run(number);
}
