/** Ends containers: by asking, and by force when that does not help. Docker's words and times. */
import { TeuError } from "../../base/index.ts";
import { parseSignalNumber } from "../../sys/index.ts";
import { readExitRecord, UNKNOWN_STATUS } from "../monitor/exit-record.ts";
import { type ContainerRecord, notePaused } from "../store/containers.ts";
import { inTransaction, togetherWithOthers, withoutWaiting } from "../store/database.ts";
import { noteContainerEvent, noteEndEvents } from "../store/events.ts";
import { containerDirectory, type Store } from "../store/store.ts";
import { driverOf } from "./driver-of.ts";
import { ContainerNotRunning, findContainer } from "./find.ts";
import { noteStop } from "./restart.ts";
import { findIdle, findSettled, monitorSays, waitForContainer } from "./wait.ts";

/** No signal goes by this text. Docker's words. */
export class InvalidSignal extends TeuError<"invalid-signal", { text: string }> {
  constructor(context: { text: string }) {
    super("invalid-signal", "invalid", context, `invalid signal: ${context.text}`);
  }
}

const [SIGINT, SIGQUIT, SIGKILL, SIGTERM] = [2, 3, 9, 15];
/** Docker's. */
const STOP_SECONDS = 10;
const ENDS: ReadonlySet<number> = new Set([SIGKILL, SIGTERM, SIGINT, SIGQUIT]);

/** The number of a signal that is given by name, with SIG or without, or by number. @throws {InvalidSignal} */
export function parseSignal(text: string): number {
  const number = parseSignalNumber(text);
  if (number === undefined) throw new InvalidSignal({ text });
  return number;
}

/** Sends a signal to the first process of a container that runs. @throws {ContainerNotRunning} */
export async function signalContainer(store: Store, text: string, signal: number): Promise<void> {
  const container = await findSettled(store, text);
  if (container.phase !== "running") throw new ContainerNotRunning({ id: container.id });
  // Docker takes a signal that ends programs, and the one that the container is stopped by, for a stop.
  inTransaction(store.database, () => {
    if (ENDS.has(signal) || signal === stopSignalOf(container)) noteStop(store, container);
    noteContainerEvent(store.database, container.id, "kill", { signal: `${signal}` });
  });
  const driver = await driverOf(store, container.settings.runtime);
  try {
    await driver.kill(container.id, signal);
  } catch (error) {
    // Its record may say for a moment longer that it runs.
    if ((await driver.pidOf(container.id)) !== undefined) throw error;
    throw new ContainerNotRunning({ id: container.id });
  }
}

/** Asks the container to end, and kills it when it has not after `seconds` (-1: never). One that does not run is no error. */
export async function stopContainer(
  store: Store,
  text: string,
  options: { readonly seconds?: number; readonly signal?: number },
): Promise<void> {
  const found = findContainer(store, text);
  // It may be waiting to be started again, or be started by another teu at this moment: that was first then.
  if (found.phase !== "running") inTransaction(store.database, () => noteStop(store, found));
  const container = found.phase === "running" ? found : await findIdle(store, found.id);
  if (container.phase !== "running") return;
  const { signal = stopSignalOf(container) } = options;
  const seconds = options.seconds ?? container.settings.stopTimeoutSeconds ?? STOP_SECONDS;
  inTransaction(store.database, () => noteStop(store, container));
  const ended = waitForContainer(store, container.id, true);
  const ask = async (by: number): Promise<void> => {
    noteKill(store, container, by);
    await send(store, container, by);
  };
  await ask(signal);
  if (container.isPaused) await goOn(store, container);
  if (seconds >= 0 && (await Promise.race([ended.then(() => true), after(seconds)])) !== true)
    await ask(SIGKILL);
  await ended;
  await togetherWithOthers(store.database, () => noteContainerEvent(store.database, container.id, "stop"));
  // What we found may have ended by itself before we said that it is to be stopped, and be started again by now.
  if (container.settings.restart !== undefined && (await findIdle(store, container.id)).phase === "running")
    await stopContainer(store, container.id, options);
}

/** Told beside the end itself, which is what has to outlive a loss of power. */
function noteKill({ database }: Store, { id }: ContainerRecord, signal: number): void {
  const note = () => noteContainerEvent(database, id, "kill", { signal: `${signal}` });
  withoutWaiting(database, () => inTransaction(database, note));
}

/** How long somebody who removes a container waits for it beside others; after that, removing it waits for it alone. */
const PATIENCE_SECONDS = 2;

/** Kills a container whose owner the caller is, and who removes it; waits until its monitor is done with it, if that does not take long. */
export async function killForRemoval(store: Store, container: ContainerRecord): Promise<void> {
  // Other runtimes kill as they delete: each of their commands is a process.
  if (container.settings.runtime === undefined) {
    const ended = monitorSays(store, container.id, { settles: true, removes: true });
    await send(store, container, SIGKILL);
    await Promise.race([ended, after(PATIENCE_SECONDS)]);
  }
  noteRemoval(store, container);
}

/** Docker tells of the end of what is removed by force before it tells of the removal. */
function noteRemoval(store: Store, { id }: ContainerRecord): void {
  const { database } = store;
  const { status = UNKNOWN_STATUS } = readExitRecord(containerDirectory(store, id)) ?? {};
  withoutWaiting(database, () =>
    inTransaction(database, () => {
      noteContainerEvent(database, id, "kill", { signal: `${SIGKILL}` });
      noteEndEvents(database, id, status);
    }),
  );
}

/** It hears of a signal when it goes on. One that SIGKILL has ended by then is no error. */
async function goOn(store: Store, { id, settings }: ContainerRecord): Promise<void> {
  const driver = await driverOf(store, settings.runtime);
  try {
    await driver.resume(id);
  } catch (error) {
    if ((await driver.pidOf(id)) !== undefined) throw error;
  }
  inTransaction(store.database, () => notePaused(store.database, id, false));
}

/** As `signalContainer`, but that a container which ends at this moment is no error. */
async function send(store: Store, container: ContainerRecord, signal: number): Promise<void> {
  const driver = await driverOf(store, container.settings.runtime);
  try {
    await driver.kill(container.id, signal);
  } catch (error) {
    // Its record may say for a moment longer that it runs.
    if ((await driver.pidOf(container.id)) !== undefined) throw error;
  }
}

/** What an image says may be no signal: then it is TERM, as docker has it. */
function stopSignalOf({ settings }: ContainerRecord): number {
  return parseSignalNumber(settings.stopSignal ?? "") ?? SIGTERM;
}

/** Resolves with false. Nobody is kept waiting by the timer when the container ends first. */
function after(seconds: number): Promise<false> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(false), seconds * 1000).unref();
  });
}
