/** Whether a container has ended though its record says otherwise. */
import { isAlive, type Owner } from "../../base/index.ts";
import { isProcess, thisBoot } from "../../sys/index.ts";
import { readExitRecord } from "../monitor/exit-record.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { containerDirectory, type Records } from "../store/store.ts";

/** Whether its monitor has left a record and so has nothing left to do, or whoever owned it is gone; any other owner that is alive is at it. */
export function hasEnded(
  store: Records,
  { id, phase, owner }: Pick<ContainerRecord, "id" | "phase" | "owner">,
): boolean {
  const exit = phase === "creating" ? undefined : readExitRecord(containerDirectory(store, id));
  return exit?.monitor === owner.pid || !isThere(owner);
}

/** Every command asks this of every container that runs. */
function isThere(owner: Owner): boolean {
  const { pid, inode } = owner;
  return inode === undefined ? isAlive(owner) : owner.bootID === thisBoot() && isProcess(pid, inode);
}
