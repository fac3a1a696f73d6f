/** Records of containers that are started again by themselves: how often it was tried, when it is due, whether somebody stopped it. */
import type { Database } from "bun:sqlite";

export interface RestartRecord {
  readonly container: string;
  /** Milliseconds since 1970; null: it runs, or nothing is due. */
  readonly dueAt: number | null;
  readonly startedAt: number;
  readonly attempts: number;
  readonly delayMs: number;
  readonly wasStopped: boolean;
}

interface Row extends Omit<RestartRecord, "wasStopped"> {
  readonly wasStopped: number;
}

const COLUMNS =
  "container, due_at AS dueAt, started_at AS startedAt, attempts, delay_ms AS delayMs, was_stopped AS wasStopped";

export function findRestart(database: Database, container: string): RestartRecord | undefined {
  const row = database
    .query<Row, [string]>(`SELECT ${COLUMNS} FROM restarts WHERE container = ?1`)
    .get(container);
  return row === null ? undefined : fromRow(row);
}

/** Those that were due `lateMs` ago, and those that are due later than they can be: the clock was set back since that was noted. */
export function restartsDue(database: Database, now: number, lateMs: number): RestartRecord[] {
  return database
    .query<Row, [number, number]>(
      `SELECT ${COLUMNS} FROM restarts WHERE due_at < ?1 - ?2 OR due_at > ?1 + delay_ms + ?2`,
    )
    .all(now, lateMs)
    .map(fromRow);
}

/** Those that wait to be started again. @returns the containers' IDs */
export function listWaiting(database: Database): Set<string> {
  const rows = database.query<{ container: string }, []>(
    "SELECT container FROM restarts WHERE due_at IS NOT NULL",
  );
  return new Set(rows.all().map(({ container }) => container));
}

export function putRestart(database: Database, record: RestartRecord): void {
  const { container, dueAt, startedAt, attempts, delayMs, wasStopped } = record;
  database
    .query("INSERT OR REPLACE INTO restarts VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
    .run(container, dueAt, startedAt, attempts, delayMs, wasStopped ? 1 : 0);
}

/** Makes those that somebody stopped, and whose policy is always, due at `moment`. @returns the containers' IDs */
export function makeStoppedDue(database: Database, moment: number): string[] {
  return database
    .query<{ container: string }, [number]>(
      `UPDATE restarts SET due_at = ?1, attempts = 0, delay_ms = 0, was_stopped = 0
       WHERE was_stopped = 1 AND container IN
         (SELECT id FROM containers WHERE status = 'exited' AND json_extract(record, '$.restart.name') = 'always')
       RETURNING container`,
    )
    .all(moment)
    .map(({ container }) => container);
}

export function deleteRestart(database: Database, container: string): void {
  database.query("DELETE FROM restarts WHERE container = ?1").run(container);
}

function fromRow(row: Row): RestartRecord {
  return { ...row, wasStopped: row.wasStopped !== 0 };
}
