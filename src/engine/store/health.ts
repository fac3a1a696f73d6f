/** Records of how containers are, by their checks. */
import type { Database } from "bun:sqlite";
import { noteContainerEvent } from "./events.ts";

export type HealthStatus = "starting" | "healthy" | "unhealthy";

/** One check. Times in milliseconds since 1970. */
export interface HealthResult {
  readonly start: number;
  readonly end: number;
  /** 0: it is well; -1: the check took too long, or could not be run. */
  readonly exitStatus: number;
  /** What it wrote, the first 4096 bytes. */
  readonly output: string;
}

export interface HealthRecord {
  readonly container: string;
  readonly status: HealthStatus;
  readonly failingStreak: number;
  /** The last ones, oldest first. */
  readonly log: readonly HealthResult[];
}

interface Row extends Omit<HealthRecord, "log"> {
  readonly log: string;
}

const COLUMNS = "container, status, failing_streak AS failingStreak, log";

export function findHealth(database: Database, container: string): HealthRecord | undefined {
  const row = database
    .query<Row, [string]>(`SELECT ${COLUMNS} FROM health WHERE container = ?1`)
    .get(container);
  return row === null ? undefined : fromRow(row);
}

/** Of every container that is checked: its status alone. */
export function listHealth(database: Database): ReadonlyMap<string, HealthStatus> {
  const rows = database
    .query<Pick<Row, "container" | "status">, []>("SELECT container, status FROM health")
    .all();
  return new Map(rows.map(({ container, status }) => [container, status]));
}

/** Notes how a container is. The caller is in a transaction. */
export function putHealth(database: Database, { container, status, failingStreak, log }: HealthRecord): void {
  const before = findHealth(database, container)?.status;
  database
    .query("INSERT OR REPLACE INTO health VALUES (?1, ?2, ?3, ?4)")
    .run(container, status, failingStreak, JSON.stringify(log));
  if (before !== undefined && before !== status && status !== "starting")
    noteContainerEvent(database, container, `health_status: ${status}`);
}

export function deleteHealth(database: Database, container: string): void {
  database.query("DELETE FROM health WHERE container = ?1").run(container);
}

function fromRow(row: Row): HealthRecord {
  return { ...row, log: JSON.parse(row.log) as HealthResult[] }; // as putHealth wrote it
}
