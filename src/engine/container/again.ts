/** Containers that are there already: started once more, joined. */
import { hasCode, isAlive, TeuError, thisOwner } from "../../base/index.ts";
import { readExitRecord, UNKNOWN_STATUS } from "../monitor/exit-record.ts";
import { abortOnSignal, forwardSignals } from "../run/signals.ts";
import { NOBODY, takeOver } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import { findRestart } from "../store/restarts.ts";
import { containerDirectory, type Store } from "../store/store.ts";
import { type AttachOptions, ContainerStreams } from "./attach.ts";
import { driverOf } from "./driver-of.ts";
import { findContainer } from "./find.ts";
import { Foreground } from "./foreground.ts";
import { remakeBundle } from "./make.ts";
import { stopAndUnmount } from "./remove.ts";
import { noteFailedStart } from "./restart.ts";
import { remainingMs } from "./restart-policy.ts";
import { settle } from "./settle.ts";
import { startMonitored } from "./start.ts";
import { forgetStartError, noteStartError } from "./start-error.ts";
import { findIdle, findSettled } from "./wait.ts";

/** Somebody may stop it, or start it, while it waits. */
const LOOK_AGAIN_MS = 500;

/** Who copies a file out of it has it for a few of these. */
const BUSY_MS = 20;

/** Another teu is at work on the container. */
export class ContainerBusy extends TeuError<"container-busy", { id: string }> {
  constructor(context: { id: string }) {
    super(
      "container-busy",
      "unavailable",
      context,
      `Cannot start container ${context.id}: another teu is at it`,
    );
  }
}

/** There is nobody to listen to. Docker's words. */
export class NotAttachable extends TeuError<"not-running-to-attach", { id: string }> {
  constructor(context: { id: string }) {
    super(
      "not-running-to-attach",
      "failed-precondition",
      context,
      "cannot attach to a stopped container, start it first",
    );
  }
}

/**
 * Starts a container that has ended once more, its files as they were; one that runs is left alone.
 * @param attach  Stay, and pass its streams on.
 * @param options.dueAt  The moment for which its restart policy asks for this, if that is so still; absent: a person does.
 * @returns the exit status of one that was attached to, else 0
 */
export async function restartContainer(
  store: Store,
  text: string,
  attach: AttachOptions | undefined,
  { dueAt }: { readonly dueAt?: number } = {},
): Promise<number> {
  const isByHand = dueAt === undefined;
  const container = isByHand ? await findIdle(store, text) : await findSettled(store, text);
  if (container.phase !== "exited")
    return attach === undefined ? 0 : await attachToContainer(store, text, attach);
  // One of two wins; whoever is killed at it leaves the container as it was.
  const claim = () =>
    (isByHand || dueMoment(store, container.id) === dueAt) &&
    takeOver(store.database, container, thisOwner());
  if (isAlive(container.owner) || !inTransaction(store.database, claim)) {
    findContainer(store, text); // it may have been removed
    throw new ContainerBusy({ id: container.id });
  }
  using foreground = attach === undefined ? undefined : new Foreground(store, container, attach);
  try {
    forgetStartError(store, container);
    const bundle = await remakeBundle(store, container);
    using interrupt = abortOnSignal();
    const { signal } = interrupt;
    await startMonitored(store, container, bundle, () => undefined, { isByHand, foreground, signal });
  } catch (error) {
    // Before its monitor, if it has one by now, ends with it and has another teu look when it is due.
    if (!isByHand) inTransaction(store.database, () => noteFailedStart(store, container));
    noteStartError(store, container, error);
    await stopAndUnmount(store, container);
    takeOver(store.database, { ...container, owner: thisOwner() }, NOBODY);
    throw error;
  }
  return foreground === undefined ? 0 : await foreground.relayToEnd();
}

/**
 * Waits until the container with this ID is due to be started again, if it is, and starts it; as often as that fails and its policy says
 * so. The work of a teu in the background: there may be more than one, so each deals with the moment that it waits for and no later one.
 */
export async function restartWhenDue(store: Store, id: string): Promise<void> {
  for (;;) {
    const dueAt = dueMoment(store, id);
    if (dueAt === undefined) return;
    const delayMs = findRestart(store.database, id)?.delayMs ?? 0;
    const begun = performance.now();
    const rest = () => remainingMs({ dueAt, delayMs }, Date.now(), performance.now() - begun);
    for (let waitMs = rest(); waitMs > 0; waitMs = rest()) {
      await Bun.sleep(Math.min(waitMs, LOOK_AGAIN_MS));
      if (dueMoment(store, id) !== dueAt) return;
    }
    try {
      await restartContainer(store, id, undefined, { dueAt });
      return;
    } catch (error) {
      if (hasCode(error, "no-such-container")) return; // it was removed
      // Somebody else was first, by hand or for the same reason; or looks at its files, which is soon over.
      if (hasCode(error, "container-busy")) {
        await Bun.sleep(BUSY_MS);
        if (dueMoment(store, id) !== dueAt) return;
        continue;
      }
      // What cannot be tried again, and what is not noted, would be tried for ever.
      if (dueMoment(store, id) === dueAt) throw error;
    }
  }
}

function dueMoment(store: Store, id: string): number | undefined {
  return findRestart(store.database, id)?.dueAt ?? undefined;
}

/** Passes the streams of a container that runs on, until it has ended. @returns its exit status. @throws {NotAttachable} */
export async function attachToContainer(store: Store, text: string, attach: AttachOptions): Promise<number> {
  const container = findContainer(store, text);
  if (container.phase !== "running") throw new NotAttachable({ id: container.id });
  const { readsInput = false, passesSignals = true, detachKeys } = attach;
  const wants = { stdin: readsInput, stdout: true, stderr: true };
  using streams = new ContainerStreams(store, container, wants, { detachKeys });
  streams.redraw();
  const driver = await driverOf(store, container.settings.runtime);
  using _signals = passesSignals
    ? forwardSignals((signal) => {
        driver.kill(container.id, signal).catch(() => undefined); // it has just ended
      })
    : undefined;
  const said = await streams.relay();
  // Read before what follows: with --rm it goes with the container.
  const status = said ?? readExitRecord(containerDirectory(store, container.id))?.status ?? UNKNOWN_STATUS;
  // What follows its end may be ours to do: a prompt that comes back early would show it running.
  await settle(store, container);
  return status;
}
