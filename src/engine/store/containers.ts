/** Records of containers. A record comes before everything that it names and goes after it: nothing becomes unremovable. */
import type { Database } from "bun:sqlite";
import { type Owner, TeuError, thisOwner } from "../../base/index.ts";
import type { Digest, IDMapping } from "../../spec/index.ts";
import type { RestartPolicy } from "../container/restart-policy.ts";
import type { AskedWords } from "../options/asked.ts";
import type { HealthCheck } from "../options/health.ts";
import type { LogChoice } from "../options/log.ts";
import type { NetworkAttachment } from "../options/network.ts";
import type { ExposedPort, PublishedPort } from "../options/publish.ts";
import type { StorageOptions } from "../options/storage.ts";
import type { BindMount, ImageMount, VolumeMount } from "../options/volume.ts";
import { inTransaction, togetherWithOthers, withoutWaiting } from "./database.ts";
import { noteContainerEvent, noteEndEvents, noteStartEvents } from "./events.ts";
import { deleteHealth } from "./health.ts";
import { deleteRestart } from "./restarts.ts";
import { deleteVolumeUses } from "./volumes.ts";

/** How far a container has come. `creating` and `running` need an owner that is alive. */
export type ContainerPhase = "creating" | "running" | "exited";

/** What a container can have together with another one. */
export type JoinedNamespace = "network" | "pid" | "ipc" | "user";

/** What is kept of how a container was asked for. Its shape has a version of its own: CONTAINER_VERSION. */
export interface ContainerSettings {
  /** The whole command line of the process, for people. */
  readonly command: readonly string[];
  /** So much of its beginning is the entrypoint, the rest are arguments. Absent in records of before this was kept, as is `user`. */
  readonly entrypoint?: readonly string[];
  /** As it was asked for, by the caller or by the image; "": nobody said. */
  readonly user?: string;
  /** Ports that its program serves. */
  readonly exposed?: readonly ExposedPort[];
  /** `none` or `host`, where it is in no network of ours. */
  readonly networkMode?: "none" | "host";
  /** What it was asked to be called, by which others in its networks find it too; absent: its short ID. */
  readonly hostname?: string;
  /** Path of another runtime that runs it; absent: our own. */
  readonly runtime?: string;
  /** Whether record and writable layer go when it ends. */
  readonly autoRemove: boolean;
  /** It is being removed, its anonymous volumes too or not: what has gone is not told apart from what has not. */
  readonly removal?: { readonly volumes: boolean };
  readonly terminal?: boolean;
  /** Whether somebody may write to its standard input. */
  readonly interactive?: boolean;
  /** Whether that stays open when somebody who is attached ends theirs: nobody was when it was made. */
  readonly keepsInput?: boolean;
  /** The networks of ours that it is in while it runs; the first has its default route. Absent: it has no place in any. */
  readonly networks?: readonly NetworkAttachment[];
  readonly ports?: readonly PublishedPort[];
  /** IDs of the containers whose namespaces it is in. */
  readonly joins?: Readonly<Partial<Record<JoinedNamespace, string>>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** Where what it writes is kept, where that was asked for. */
  readonly log?: LogChoice;
  /** How it is found out whether it works. */
  readonly health?: HealthCheck;
  /** Whether it is started again by itself. */
  readonly restart?: RestartPolicy;
  /** What is asked for names, in the place of the host's resolvers. */
  readonly resolvers?: readonly string[];
  readonly searchDomains?: readonly string[];
  readonly resolverOptions?: readonly string[];
  /** How its IPC is shared; absent: not at all. */
  readonly ipc?: string;
  /** Of a /dev/shm that others may join; absent: docker's default. */
  readonly sharedMemoryBytes?: number;
  readonly cgroupParent?: string;
  /** Limits of its writable layer. */
  readonly storage?: StorageOptions;
  readonly isPrivileged?: boolean;
  /** What config.json does not show. */
  readonly asked?: AskedWords;
  /** How long `stop` waits; -1: for ever. Absent: docker's default. */
  readonly stopTimeoutSeconds?: number;
  /** Whether its program runs under ours, which is PID 1. */
  readonly hasInit?: boolean;
  /** Further lines of its /etc/hosts. */
  readonly hosts?: readonly { readonly name: string; readonly address: string }[];
  /** Directories and files of the host, and volumes, that it sees. */
  readonly mounts?: readonly ContainerMount[];
  /** What `stop` sends, where the image says; absent: SIGTERM. */
  readonly stopSignal?: string;
  /** Its users; absent: they are the host's. */
  readonly users?: ContainerUsers;
}

/** Whose ids on the host a container's users have. Its layers and volumes are on disk with the ids that it sees itself. */
export interface ContainerUsers {
  /** `container`: it is in the user namespace of the container that `joins` names. */
  readonly mode: "private" | "container";
  readonly uids: readonly IDMapping[];
  readonly gids: readonly IDMapping[];
}

/** As people write them: `CONTAINER:HOST:SIZE`. */
export function encodeMaps(maps: readonly IDMapping[]): string[] {
  return maps.map(({ containerID, hostID, size }) => `${containerID}:${hostID}:${size}`);
}

/** A volume that a container has. */
export type NamedVolume = VolumeMount & { readonly name: string };

/** An image whose files a container sees, and which it holds. */
export interface HeldImageMount extends ImageMount {
  /** What the reference pointed at, and the manifest that was chosen. */
  readonly target: ImageTarget;
  readonly manifest: ImageTarget;
}

/** What a container sees of the host. */
export type ContainerMount = BindMount | NamedVolume | HeldImageMount;

/** What the reference pointed at when the container was made: a manifest, or an index. */
export interface ImageTarget {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

/** One container. */
export interface ContainerRecord {
  readonly id: string;
  readonly name: string;
  /** The reference by which the image was asked for. */
  readonly image: string;
  readonly imageTarget: ImageTarget;
  /** The number of its active snapshot; null before there is one. */
  readonly snapshot: number | null;
  readonly phase: ContainerPhase;
  readonly exitStatus: number | null;
  readonly settings: ContainerSettings;
  readonly createdAt: number;
  /** When its program began, the last time; null: never. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** Whether it is stopped where it is. */
  readonly isPaused: boolean;
  readonly owner: Owner;
}

/** The owner of a container that has ended. */
export const NOBODY: Owner = { pid: 0, startTime: 0, bootID: "" };

/** The version of ContainerSettings that we write. */
export const CONTAINER_VERSION = 1;

/** Another container has this name. Docker's words: its clients show them. */
export class NameInUse extends TeuError<"name-in-use", { name: string; id: string }> {
  constructor(context: { name: string; id: string }) {
    super(
      "name-in-use",
      "already-exists",
      context,
      `Conflict. The container name ${JSON.stringify(`/${context.name}`)} is already in use by container ${JSON.stringify(context.id)}. You have to remove (or rename) that container to be able to reuse that name.`,
    );
  }
}

interface Row {
  id: string;
  name: string;
  image: string;
  image_type: string;
  image_digest: string;
  image_size: number;
  snapshot: number | null;
  status: ContainerPhase;
  exit_status: number | null;
  record: string;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  paused: number;
  owner_pid: number;
  owner_start: number;
  owner_boot: string;
  owner_inode: number | null;
}

/** Records a container that is being made. The caller is in a transaction. @throws {NameInUse} */
export function addContainer(
  database: Database,
  namespace: string,
  container: Pick<ContainerRecord, "id" | "name" | "image" | "imageTarget" | "settings" | "owner"> & {
    snapshot: number;
  },
): void {
  const { id, name, image, imageTarget, snapshot, settings, owner } = container;
  const other = database
    .query<{ id: string }, [string, string]>("SELECT id FROM containers WHERE namespace = ?1 AND name = ?2")
    .get(namespace, name);
  if (other !== null) throw new NameInUse({ name, id: other.id });
  database
    .query(
      `INSERT INTO containers (id, namespace, name, image, image_type, image_digest, image_size, snapshot, status, version,
         record, created_at, owner_pid, owner_start, owner_boot)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'creating', ?9, ?10, ?11, ?12, ?13, ?14)`,
    )
    .run(
      id,
      namespace,
      name,
      image,
      imageTarget.mediaType,
      imageTarget.digest,
      imageTarget.size,
      snapshot,
      CONTAINER_VERSION,
      JSON.stringify(settings),
      Date.now(),
      owner.pid,
      owner.startTime,
      owner.bootID,
    );
  noteContainerEvent(database, id, "create");
}

/** Puts a record back as it was: when the database was lost. The caller is in a transaction, and has put its snapshot back. */
export function restoreContainer(
  database: Database,
  namespace: string,
  container: Omit<ContainerRecord, "isPaused">,
): void {
  const { id, name, image, imageTarget, snapshot, phase, exitStatus, settings, owner } = container;
  database
    .query(
      `INSERT INTO containers (id, namespace, name, image, image_type, image_digest, image_size, snapshot, status, exit_status,
         version, record, created_at, started_at, finished_at, owner_pid, owner_start, owner_boot)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)`,
    )
    .run(
      ...([id, namespace, name, image, imageTarget.mediaType, imageTarget.digest, imageTarget.size] as const),
      ...([snapshot, phase, exitStatus, CONTAINER_VERSION, JSON.stringify(settings)] as const),
      ...([container.createdAt, container.startedAt, container.finishedAt] as const),
      ...([owner.pid, owner.startTime, owner.bootID] as const),
    );
}

/** The container runs since `startedAt`; `owner` is whose end is its own: a teu in the foreground, or its monitor. */
export function markRunning(database: Database, id: string, owner: Owner, startedAt: number): void {
  database
    .query(
      `UPDATE containers SET status = 'running', exit_status = NULL, finished_at = NULL, paused = 0,
         owner_pid = ?2, owner_start = ?3, owner_boot = ?4, owner_inode = ?5, started_at = ?6 WHERE id = ?1`,
    )
    .run(id, owner.pid, owner.startTime, owner.bootID, owner.inode ?? null, startedAt);
  noteStartEvents(database, id);
}

/** The container has ended; nobody owns it from here on, until somebody starts it again. */
export function markExited(
  database: Database,
  id: string,
  exitStatus: number,
  finishedAt = Date.now(),
): void {
  database
    .query(
      `UPDATE containers SET status = 'exited', exit_status = ?2, finished_at = ?3, paused = 0,
         owner_pid = 0, owner_start = 0, owner_boot = '', owner_inode = NULL WHERE id = ?1`,
    )
    .run(id, exitStatus, finishedAt);
  noteEndEvents(database, id, exitStatus);
}

/** The container is whole and has never been started; nobody owns it. */
export function markCreated(database: Database, id: string): void {
  database
    .query(
      `UPDATE containers SET status = 'exited', owner_pid = 0, owner_start = 0, owner_boot = '', owner_inode = NULL WHERE id = ?1`,
    )
    .run(id);
}

/** Notes whether the container is stopped where it is. */
export function notePaused(database: Database, id: string, isPaused: boolean): void {
  database.query("UPDATE containers SET paused = ?2 WHERE id = ?1").run(id, isPaused ? 1 : 0);
  noteContainerEvent(database, id, isPaused ? "pause" : "unpause");
}

/** Calls a container otherwise. The caller is in a transaction. @throws {NameInUse} */
export function renameContainer(database: Database, namespace: string, id: string, name: string): void {
  const other = database
    .query<{ id: string }, [string, string]>("SELECT id FROM containers WHERE namespace = ?1 AND name = ?2")
    .get(namespace, name);
  if (other !== null) throw new NameInUse({ name, id: other.id });
  const before = database
    .query<{ name: string }, [string]>("SELECT name FROM containers WHERE id = ?1")
    .get(id);
  database.query("UPDATE containers SET name = ?2 WHERE id = ?1").run(id, name);
  noteContainerEvent(database, id, "rename", { oldName: `/${before?.name ?? ""}` });
}

/**
 * Records what became of a container, as one transaction. Of one that was to leave nothing, nothing that happened is missed when it is lost with
 * the machine's power: whoever comes next finds that its owner is gone, and removes it.
 */
export async function recordFate<T>(
  database: Database,
  { settings }: ContainerRecord,
  work: () => T,
): Promise<T> {
  if (!settings.autoRemove) return await togetherWithOthers(database, work);
  return withoutWaiting(database, () => inTransaction(database, work));
}

/** Makes `owner` the one that works on the container, unless somebody else took it meanwhile. @returns whether it did */
export function takeOver(database: Database, from: ContainerRecord, owner: Owner): boolean {
  const { pid, startTime } = from.owner;
  const query = database.query(
    `UPDATE containers SET owner_pid = ?1, owner_start = ?2, owner_boot = ?3, owner_inode = ?4
     WHERE id = ?5 AND owner_pid = ?6 AND owner_start = ?7`,
  );
  const { inode = null } = owner;
  const words = [owner.pid, owner.startTime, owner.bootID, inode, from.id, pid, startTime];
  // With the power both owners go.
  return withoutWaiting(database, () => query.run(...words)).changes > 0;
}

/** Notes that the container is asked for otherwise than before. */
export function changeSettings(database: Database, id: string, settings: ContainerSettings): void {
  database.query("UPDATE containers SET record = ?2 WHERE id = ?1").run(id, JSON.stringify(settings));
}

/** Forgets a container, and its active snapshot with it. The directory is gone already. */
export function deleteContainer(database: Database, container: ContainerRecord): void {
  noteContainerEvent(database, container.id, "destroy");
  deleteRestart(database, container.id);
  deleteHealth(database, container.id);
  deleteVolumeUses(database, container.id);
  database.query("DELETE FROM containers WHERE id = ?1").run(container.id);
  if (container.snapshot !== null)
    database.query("DELETE FROM snapshots WHERE number = ?1").run(container.snapshot);
}

/** What the container with this ID is called; "": there is none. */
export function nameOfContainer(database: Database, id: string): string {
  const row = database.query<{ name: string }, [string]>("SELECT name FROM containers WHERE id = ?1").get(id);
  return row?.name ?? "";
}

/** Every container of `namespace`, newest first. */
export function listContainers(database: Database, namespace: string): ContainerRecord[] {
  return database
    .query<Row, [string]>("SELECT * FROM containers WHERE namespace = ?1 ORDER BY created_at DESC, id")
    .all(namespace)
    .map(fromRow);
}

/** Notes that this process removes the container: who is cut off at it leaves the rest to the next command. */
export function beginRemoval(database: Database, id: string, removal: { readonly volumes: boolean }): void {
  const { pid, startTime, bootID } = thisOwner();
  const query = database.query(
    `UPDATE containers SET record = json_set(record, '$.removal', json(?2)),
       owner_pid = ?3, owner_start = ?4, owner_boot = ?5, owner_inode = NULL WHERE id = ?1`,
  );
  // As takeOver(): owners end with the power.
  withoutWaiting(database, () => query.run(id, JSON.stringify(removal), pid, startTime, bootID));
}

/** Containers of any namespace that somebody is, or was, at work on. Every command looks at all of them, and reads no more than it needs. */
export function unfinishedContainers(database: Database): Pick<ContainerRecord, "id" | "phase" | "owner">[] {
  type Few = Pick<Row, "id" | "status" | "owner_pid" | "owner_start" | "owner_boot" | "owner_inode">;
  return database
    .query<Few, []>(
      `SELECT id, status, owner_pid, owner_start, owner_boot, owner_inode FROM containers
       WHERE status <> 'exited' OR (owner_pid <> 0 AND record ->> '$.removal' IS NOT NULL)`,
    )
    .all()
    .map((row) => ({ id: row.id, phase: row.status, owner: ownerOf(row) }));
}

/** The users of every container, of any namespace, that has not the host's. */
export function usersOfAll(database: Database): ContainerUsers[] {
  const users = "json_extract(record, '$.users')";
  return database
    .query<{ users: string }, []>(`SELECT ${users} AS users FROM containers WHERE ${users} IS NOT NULL`)
    .all()
    .map((row) => JSON.parse(row.users) as ContainerUsers); // we wrote it
}

/** The container with this ID, of any namespace. */
export function containerByID(database: Database, id: string): ContainerRecord | undefined {
  const row = database.query<Row, [string]>("SELECT * FROM containers WHERE id = ?1").get(id);
  return row === null ? undefined : fromRow(row);
}

function ownerOf(row: Pick<Row, "owner_pid" | "owner_start" | "owner_boot" | "owner_inode">): Owner {
  const { owner_pid: pid, owner_start: startTime, owner_boot: bootID, owner_inode: inode } = row;
  return { pid, startTime, bootID, ...(inode !== null && { inode }) };
}

/** Containers of any namespace that run and have a health check. */
export function checkedContainers(database: Database): ContainerRecord[] {
  return database
    .query<Row, []>(
      // The text first: it is quickly found not to be there.
      `SELECT * FROM containers
       WHERE status = 'running' AND instr(record, '"health"') > 0 AND json_extract(record, '$.health') IS NOT NULL`,
    )
    .all()
    .map(fromRow);
}

/** Containers of any namespace that run and have names of their own for others. */
export function containersWithLinks(database: Database): ContainerRecord[] {
  return database
    .query<Row, []>(`SELECT * FROM containers WHERE status = 'running' AND instr(record, '"links"') > 0`)
    .all()
    .map(fromRow);
}

/** The images of every container of any namespace: what content must be kept for. */
export function containerTargets(database: Database): ImageTarget[] {
  return database
    .query<ImageTarget, []>(
      `SELECT image_type AS mediaType, image_digest AS digest, image_size AS size FROM containers
       UNION SELECT target ->> '$.mediaType', target ->> '$.digest', target ->> '$.size'
       FROM (SELECT mount.value -> '$.target' AS target FROM containers, json_each(containers.record, '$.mounts') AS mount)
       WHERE target IS NOT NULL`,
    )
    .all();
}

/** Containers whose ID is `text`, whose name is, or whose ID begins with it: the first kind that has any. */
export function findContainers(database: Database, namespace: string, text: string): ContainerRecord[] {
  const select = (condition: string) =>
    database
      .query<Row, [string, string]>(`SELECT * FROM containers WHERE namespace = ?1 AND (${condition})`)
      .all(namespace, text)
      .map(fromRow);
  const exact = select("id = ?2 OR name = ?2");
  if (exact.length > 0 || !/^[0-9a-f]+$/.test(text)) return exact;
  return select("id LIKE ?2 || '%'");
}

function fromRow(row: Row): ContainerRecord {
  let settings: ContainerSettings | undefined;
  return {
    id: row.id,
    name: row.name,
    image: row.image,
    // Written from a Digest.
    imageTarget: { mediaType: row.image_type, digest: row.image_digest as Digest, size: row.image_size },
    snapshot: row.snapshot,
    phase: row.status,
    exitStatus: row.exit_status,
    /** Parsed when somebody wants to know: every command looks at every container that runs, and mostly at its owner alone. */
    get settings() {
      settings ??= JSON.parse(row.record) as ContainerSettings; // written by us; version 1 is the only one so far
      return settings;
    },
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    isPaused: row.paused !== 0,
    owner: ownerOf(row),
  };
}
