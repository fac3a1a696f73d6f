/**
 * What has happened, in the transaction in which it became true: what is told here is so, and what is so is told. The last ones are kept.
 * Source: docker events reference, object types.
 */
import type { Database } from "bun:sqlite";
import { PREDEFINED_NETWORKS, type PredefinedNetwork } from "../network/predefined.ts";

/** What something happened to. */
export type EventType = "container" | "image" | "network" | "volume";

/** One event. */
export interface EventMessage {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly type: EventType;
  /** Docker's word: create, start, die, … */
  readonly action: string;
  /** ID of a container or network, name of a volume or image. */
  readonly actor: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** One that is in the records: its number tells which came first. */
export interface EventRecord extends EventMessage {
  readonly number: number;
}

/** As many as a busy day has. */
const KEPT = 50_000;
/** Old ones are not removed with every event. */
const SWEEP_EVERY = 1000;

/** Notes that something happened. The caller is in the transaction that makes it true. */
export function noteEvent(
  database: Database,
  namespace: string,
  { type, action, actor, attributes }: Omit<EventMessage, "time">,
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
  const row = containerRow(database, id);
  if (row !== undefined) noteOf(database, id, row, action, more);
}

/** A container runs: before its start it is told what it has of others, its volumes and the host's network or none. */
export function noteStartEvents(database: Database, id: string): void {
  const row = containerRow(database, id);
  if (row === undefined) return;
  noteNetwork(database, id, row, "connect");
  for (const { name, destination, readonly } of volumesOf(row)) {
    const more = { destination, propagation: "", "read/write": `${!readonly}` };
    noteVolume(database, id, row, "mount", name, more);
  }
  noteOf(database, id, row, "start", {});
}

/** It has ended, and has nothing any more. */
export function noteEndEvents(database: Database, id: string, exitStatus: number): void {
  const row = containerRow(database, id);
  if (row === undefined) return;
  noteOf(database, id, row, "die", { exitCode: `${exitStatus}` });
  noteNetwork(database, id, row, "disconnect");
  for (const { name } of volumesOf(row)) noteVolume(database, id, row, "unmount", name, {});
}

/** What is told of a container, out of what is kept of it: see ContainerSettings. */
interface ContainerRow {
  readonly namespace: string;
  readonly name: string;
  readonly image: string;
  readonly settings: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly networkMode?: PredefinedNetwork;
    readonly mounts?: readonly Mount[];
  };
}

type Mount = { readonly kind: "bind" | "image" } | (VolumeUse & { readonly kind: "volume" });

interface VolumeUse {
  readonly name: string;
  readonly destination: string;
  readonly readonly: boolean;
}

function containerRow(database: Database, id: string): ContainerRow | undefined {
  type Row = { namespace: string; name: string; image: string; record: string };
  const row = database
    .query<Row, [string]>("SELECT namespace, name, image, record FROM containers WHERE id = ?1")
    .get(id);
  if (row === null) return undefined;
  return { ...row, settings: JSON.parse(row.record) as ContainerRow["settings"] }; // as addContainer wrote it
}

function volumesOf({ settings }: ContainerRow): VolumeUse[] {
  return (settings.mounts ?? []).filter((mount) => mount.kind === "volume");
}

function noteOf(
  database: Database,
  id: string,
  { namespace, name, image, settings }: ContainerRow,
  action: string,
  more: Readonly<Record<string, string>>,
): void {
  const attributes = { ...settings.labels, image, name, ...more };
  noteEvent(database, namespace, { type: "container", action, actor: id, attributes });
}

function noteVolume(
  database: Database,
  container: string,
  { namespace }: ContainerRow,
  action: string,
  volume: string,
  more: Readonly<Record<string, string>>,
): void {
  const attributes = { container, driver: "local", ...more };
  noteEvent(database, namespace, { type: "volume", action, actor: volume, attributes });
}

/** Of networks that are recorded it is told where they are. */
function noteNetwork(
  database: Database,
  container: string,
  { namespace, settings: { networkMode } }: ContainerRow,
  action: string,
): void {
  if (networkMode === undefined) return;
  const { id, driver } = PREDEFINED_NETWORKS[networkMode];
  const attributes = { container, name: networkMode, type: driver };
  noteEvent(database, namespace, { type: "network", action, actor: id, attributes });
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
