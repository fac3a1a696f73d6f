/** What is told of containers. */
import { type ContainerPhase, listContainers as listRecords } from "../store/containers.ts";
import type { Store } from "../store/store.ts";

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
    const { id, name, image, phase, exitStatus, createdAt, finishedAt } = record;
    const { command } = record.settings;
    const imageDigest = record.imageTarget.digest;
    return { id, name, image, imageDigest, command, phase, exitStatus, createdAt, finishedAt };
  });
}
