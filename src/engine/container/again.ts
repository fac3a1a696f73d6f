/** Containers that are there already: started once more, joined. */
import { hasCode, isAlive, TeuError, thisOwner } from "../../base/index.ts";
import { type ContainerRecord, takeOver } from "../store/containers.ts";
import { findRestart } from "../store/restarts.ts";
import type { Store } from "../store/store.ts";
import { ContainerStreams } from "./attach.ts";
import { remakeBundle } from "./make.ts";
import { settle } from "./recover.ts";
import { findContainer, stopAndUnmount } from "./remove.ts";
import { startDetached } from "./start.ts";
import { ContainerNotRunning } from "./stop.ts";
import { findSettled } from "./wait.ts";

/** Somebody may stop it, or start it, while it waits. */
const LOOK_AGAIN_MS = 500;

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

/**
 * Starts a container that has ended once more, its files as they were; one that runs is left alone.
 * @param attach  Stay, and pass its streams on.
 * @returns the exit status of one that was attached to, else 0
 */
export async function restartContainer(
  store: Store,
  text: string,
  attach: { readonly readsInput: boolean } | undefined,
  options: { readonly isByHand?: boolean } = {},
): Promise<number> {
  const container = await findSettled(store, text);
  if (container.phase !== "exited")
    return attach === undefined ? 0 : await attachToContainer(store, text, attach.readsInput);
  // One of two wins; whoever is killed at it leaves the container as it was.
  if (isAlive(container.owner) || !takeOver(store.database, container, thisOwner()))
    throw new ContainerBusy({ id: container.id });
  using cleanUp = new DisposableStack();
  let streams: ContainerStreams | undefined;
  try {
    const bundle = remakeBundle(store, container);
    await startDetached(store, container, bundle, () => undefined, {
      isByHand: options.isByHand ?? true,
      beforeStart: () => {
        if (attach !== undefined)
          streams = cleanUp.use(new ContainerStreams(store, container, attach.readsInput));
      },
    });
  } catch (error) {
    await stopAndUnmount(store, container);
    throw error;
  }
  return streams === undefined ? 0 : await relayToEnd(store, container, streams);
}

/** Waits until the container with this ID is due to be started again, if it is, and starts it. The work of a teu in the background. */
export async function restartWhenDue(store: Store, id: string): Promise<void> {
  for (;;) {
    const { dueAt = null } = findRestart(store.database, id) ?? {};
    if (dueAt === null) return;
    const waitMs = dueAt - Date.now();
    if (waitMs <= 0) break;
    await Bun.sleep(Math.min(waitMs, LOOK_AGAIN_MS));
  }
  try {
    await restartContainer(store, id, undefined, { isByHand: false });
  } catch (error) {
    // Somebody else was first, by hand or for the same reason; or it was removed.
    if (!hasCode(error, "container-busy") && !hasCode(error, "no-such-container")) throw error;
  }
}

/** Passes the streams of a container that runs on, until it has ended. @returns its exit status. @throws {ContainerNotRunning} */
export async function attachToContainer(store: Store, text: string, readsInput: boolean): Promise<number> {
  const container = findContainer(store, text);
  if (container.phase !== "running") throw new ContainerNotRunning({ id: container.id });
  using streams = new ContainerStreams(store, container, readsInput);
  return await relayToEnd(store, container, streams);
}

async function relayToEnd(
  store: Store,
  container: ContainerRecord,
  streams: ContainerStreams,
): Promise<number> {
  const status = await streams.relay();
  // What follows its end may be ours to do: a prompt that comes back early would show it running.
  await settle(store, container);
  return status;
}
