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
  /** Nothing of its parents shows through it. */
  readonly hidesLower: boolean;
}

interface Row extends Omit<SnapshotRecord, "hidesLower"> {
  readonly hides_lower: number;
}

const COLUMNS = "number, kind, key, parent, size, hides_lower";

/** Records a snapshot. The caller's transaction says what becomes visible with it. */
export function addSnapshot(database: Database, snapshot: Omit<SnapshotRecord, "number">): SnapshotRecord {
  const { kind, key, parent, size, hidesLower } = snapshot;
  const { lastInsertRowid } = database
    .query(
      `INSERT INTO snapshots (kind, key, parent, size, hides_lower, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)`,
    )
    .run(kind, key, parent, size, hidesLower ? 1 : 0, Date.now());
  return { number: Number(lastInsertRowid), ...snapshot };
}

/** Puts a record back as it was: when the database was lost. */
export function restoreSnapshot(database: Database, snapshot: SnapshotRecord): void {
  const { number, kind, key, parent, size, hidesLower } = snapshot;
  database
    .query(`INSERT INTO snapshots (${COLUMNS}, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`)
    .run(number, kind, key, parent, size, hidesLower ? 1 : 0, Date.now());
}

/** Has new snapshots take numbers above `number`, of which directories are there. */
export function reserveNumbers(database: Database, number: number): void {
  database.run("DELETE FROM sqlite_sequence WHERE name = 'snapshots'");
  database.query("INSERT INTO sqlite_sequence (name, seq) VALUES ('snapshots', ?1)").run(number);
}

/** The snapshot called `key`, if there is one. */
export function findSnapshot(database: Database, key: string): SnapshotRecord | undefined {
  const row = database.query<Row, [string]>(`SELECT ${COLUMNS} FROM snapshots WHERE key = ?1`).get(key);
  return row === null ? undefined : fromRow(row);
}

/** Every snapshot. */
export function listSnapshots(database: Database): SnapshotRecord[] {
  return database.query<Row, []>(`SELECT ${COLUMNS} FROM snapshots ORDER BY number`).all().map(fromRow);
}

/** `number` and all that it stands on, itself first. */
export function snapshotChain(database: Database, number: number): SnapshotRecord[] {
  return database
    .query<Row, [number]>(
      `WITH RECURSIVE chain (depth, ${COLUMNS}) AS (
         SELECT 0, ${COLUMNS} FROM snapshots WHERE number = ?1
         UNION ALL
         SELECT depth + 1, s.number, s.kind, s.key, s.parent, s.size, s.hides_lower FROM snapshots s JOIN chain c ON s.number = c.parent
       ) SELECT ${COLUMNS} FROM chain ORDER BY depth`,
    )
    .all(number)
    .map(fromRow);
}

/** Calls a snapshot otherwise. */
export function renameSnapshot(database: Database, number: number, key: string): void {
  database.query("UPDATE snapshots SET key = ?2 WHERE number = ?1").run(number, key);
}

/** Puts the snapshots that stand on `from` on `to`, which holds the same. */
export function moveSnapshots(database: Database, from: number, to: number): void {
  database.query("UPDATE snapshots SET parent = ?2 WHERE parent = ?1").run(from, to);
}

/** Forgets a snapshot on which no other stands. */
export function deleteSnapshot(database: Database, number: number): void {
  database.query("DELETE FROM snapshots WHERE number = ?1").run(number);
}

function fromRow({ hides_lower, ...rest }: Row): SnapshotRecord {
  return { ...rest, hidesLower: hides_lower !== 0 };
}
