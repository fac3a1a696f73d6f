/**
 * What has happened, in the transaction in which it became true: what is told here is so, and what is so is told. The last ones are kept.
 * Source: docker events reference, object types.
 */
import type { Database } from "bun:sqlite";

/** What something happened to. */
export type EventType = "container" | "image" | "network" | "volume";

/** One event. */
export interface EventRecord {
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly type: EventType;
  /** Docker's word: create, start, die, … */
  readonly action: string;
  /** ID of a container or network, name of a volume or image. */
  readonly actor: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** As many as a busy day has. */
const KEPT = 50_000;
/** Old ones are not removed with every event. */
const SWEEP_EVERY = 1000;

/** Notes that something happened. The caller is in the transaction that makes it true. */
export function noteEvent(
  database: Database,
  namespace: string,
  { type, action, actor, attributes }: Omit<EventRecord, "number" | "time">,
): void {
  const { lastInsertRowid } = database
    .query(
      "INSERT INTO events (namespace, time, type, action, actor, attributes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )
    .run(namespace, Date.now(), type, action, actor, JSON.stringify(attributes));
  const number = Number(lastInsertRowid);
  if (number % SWEEP_EVERY === 0) database.query("DELETE FROM events WHERE number <= ?1").run(number - KEPT);
}

/** The same of a container that has its record still; docker tells its image, its name and its labels. */
export function noteContainerEvent(
  database: Database,
  id: string,
  action: string,
  more: Readonly<Record<string, string>> = {},
): void {
  type Row = { namespace: string; name: string; image: string; record: string };
  const row = database
    .query<Row, [string]>("SELECT namespace, name, image, record FROM containers WHERE id = ?1")
    .get(id);
  if (row === null) return;
  const { labels = {} } = JSON.parse(row.record) as { labels?: Record<string, string> }; // as addContainer wrote it
  const attributes = { ...labels, image: row.image, name: row.name, ...more };
  noteEvent(database, row.namespace, { type: "container", action, actor: id, attributes });
}

interface Row extends Omit<EventRecord, "attributes"> {
  readonly attributes: string;
}

/** The events after number `after`, in order. */
export function listEvents(database: Database, namespace: string, after: number): EventRecord[] {
  return database
    .query<Row, [string, number]>(
      "SELECT number, time, type, action, actor, attributes FROM events WHERE namespace = ?1 AND number > ?2 ORDER BY number",
    )
    .all(namespace, after)
    .map((row) => ({ ...row, attributes: JSON.parse(row.attributes) as Record<string, string> })); // as noteEvent wrote it
}

/** The number of the last one, 0 before the first. */
export function lastEvent(database: Database): number {
  return (
    database.query<{ last: number | null }, []>("SELECT max(number) AS last FROM events").get()?.last ?? 0
  );
}
