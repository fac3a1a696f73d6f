/** Stops containers where they are, and lets them go on. Docker's words. */
import { hasCode, TeuError } from "../../base/index.ts";
import { isInUserNamespace } from "../../sys/index.ts";
import { type ContainerRecord, notePaused } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import type { Store } from "../store/store.ts";
import { driverOf } from "./driver-of.ts";
import { ContainerNotRunning, findContainer } from "./find.ts";

/** It is stopped already. Docker's words. */
export class AlreadyPaused extends TeuError<"already-paused", { id: string }> {
  constructor(context: { id: string }) {
    super("already-paused", "failed-precondition", context, `Container ${context.id} is already paused`);
  }
}

/** It is not stopped. Docker's words. */
export class NotPaused extends TeuError<"not-paused", { id: string }> {
  constructor(context: { id: string }) {
    super("not-paused", "failed-precondition", context, `Container ${context.id} is not paused`);
  }
}

/** Stops all processes of the container that `text` names. @throws {ContainerNotRunning} {AlreadyPaused} */
export async function pauseContainer(store: Store, text: string): Promise<void> {
  const container = findContainer(store, text);
  const { id, phase, isPaused } = container;
  if (phase !== "running") throw new ContainerNotRunning({ id });
  if (isPaused) throw new AlreadyPaused({ id });
  await pause(store, container);
}

/** Lets them go on. @throws {NotPaused} */
export async function unpauseContainer(store: Store, text: string): Promise<void> {
  const container = findContainer(store, text);
  if (!container.isPaused) throw new NotPaused({ id: container.id });
  await resume(store, container);
}

/** Noted before: who is killed in between leaves one that can be let go on. */
async function pause(store: Store, { id, settings }: ContainerRecord): Promise<void> {
  inTransaction(store.database, () => notePaused(store.database, id, true));
  try {
    await (await driverOf(store, settings.runtime)).pause(id);
  } catch (error) {
    inTransaction(store.database, () => notePaused(store.database, id, false));
    throw error;
  }
}

async function resume(store: Store, { id, settings }: ContainerRecord): Promise<void> {
  await (await driverOf(store, settings.runtime)).resume(id);
  inTransaction(store.database, () => notePaused(store.database, id, false));
}

/** Does `work` while the container stands still, if it runs. */
export async function whilePaused<T>(
  store: Store,
  container: ContainerRecord,
  work: () => Promise<T>,
): Promise<T> {
  if (container.phase !== "running" || container.isPaused) return await work();
  try {
    await pause(store, container);
  } catch (error) {
    // A plain user's container may have no cgroup to be paused by.
    if (!hasCode(error, "freeze-failed") || !isInUserNamespace()) throw error;
    return await work();
  }
  try {
    return await work();
  } finally {
    await resume(store, container);
  }
}
