/** What is told of containers. */
import { readExitRecord } from "../monitor/exit-record.ts";
import {
  type ContainerPhase,
  type ContainerRecord,
  listContainers as listRecords,
} from "../store/containers.ts";
import { containerDirectory, type Store } from "../store/store.ts";

/** One container, as lists show it. */
export interface ContainerSummary {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly imageDigest: string;
  readonly command: readonly string[];
  readonly phase: ContainerPhase;
  readonly exitStatus: number | null;
  readonly createdAt: number;
  readonly finishedAt: number | null;
}

/** Every container, newest first. */
export function listContainers(store: Store): ContainerSummary[] {
  return listRecords(store.database, store.namespace).map((record) => {
    const { id, name, image, createdAt } = record;
    const { phase, exitStatus, finishedAt } = lately(store, record);
    const { command } = record.settings;
    const imageDigest = record.imageTarget.digest;
    return { id, name, image, imageDigest, command, phase, exitStatus, createdAt, finishedAt };
  });
}

/** How far it has come: its end may be on disk before somebody has dealt with it. */
function lately(
  store: Store,
  { id, phase, exitStatus, finishedAt }: ContainerRecord,
): Pick<ContainerRecord, "phase" | "exitStatus" | "finishedAt"> {
  const exit = phase === "running" ? readExitRecord(containerDirectory(store, id)) : undefined;
  if (exit === undefined) return { phase, exitStatus, finishedAt };
  return { phase: "exited", exitStatus: exit.status, finishedAt: exit.finishedAt };
}
