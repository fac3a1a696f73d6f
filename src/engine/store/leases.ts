/**
 * Leases: what keeps content and half-made directories from being collected until something refers to them.
 * A lease ends with its work or with its owner, whichever is first.
 */
import type { Database } from "bun:sqlite";
import { type Owner, randomHex, thisOwner } from "../../base/index.ts";
import { withoutWaiting } from "./database.ts";

/** One lease. */
export interface LeaseRecord {
  readonly id: string;
  readonly purpose: string;
  /** A directory's name below the snapshots, to be removed with the lease. */
  readonly directory: string | null;
  readonly owner: Owner;
}

/** Takes a lease for this process. While it is held, nothing that it might use is collected. Disposing ends it. */
export function takeLease(
  database: Database,
  purpose: string,
  directory: string | null = null,
): LeaseRecord & Disposable {
  const id = randomHex(8);
  const owner = thisOwner();
  const add = () =>
    database
      .query("INSERT INTO leases VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
      .run(id, purpose, directory, Date.now(), owner.pid, owner.startTime, owner.bootID);
  // With the power its owner goes; a directory stays, and must be found.
  if (directory === null) withoutWaiting(database, add);
  else add();
  return { id, purpose, directory, owner, [Symbol.dispose]: () => endLease(database, id) };
}

/** Ends a lease; harmless when it has ended already. */
export function endLease(database: Database, id: string): void {
  withoutWaiting(database, () => database.query("DELETE FROM leases WHERE id = ?1").run(id));
}

/** Every lease. */
export function listLeases(database: Database): LeaseRecord[] {
  type Row = {
    id: string;
    purpose: string;
    directory: string | null;
    pid: number;
    start: number;
    boot: string;
  };
  return database
    .query<Row, []>(
      "SELECT id, purpose, directory, owner_pid AS pid, owner_start AS start, owner_boot AS boot FROM leases",
    )
    .all()
    .map(({ id, purpose, directory, pid, start, boot }) => ({
      id,
      purpose,
      directory,
      owner: { pid, startTime: start, bootID: boot },
    }));
}
