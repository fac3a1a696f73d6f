/** Removes several containers by their names: all that can be, whatever happens to the others. */
import { isAlive, thisOwner } from "../base/index.ts";
import { removeContainer } from "./container/remove.ts";
import { killForRemoval } from "./container/stop.ts";
import { findSettled } from "./container/wait.ts";
import { forEach } from "./for-each.ts";
import { takeOver } from "./store/containers.ts";
import type { Store } from "./store/store.ts";

/** Mostly it is waited: for monitors and for the disk. */
const AT_ONCE = 16;

/** Removes the containers that `names` name. With `force`, missing ones are no error. @throws {NotAllDone} */
export async function removeContainers(
  store: Store,
  names: readonly string[],
  options: {
    readonly force: boolean;
    /** Their anonymous volumes too. */
    readonly volumes: boolean;
    readonly onRemoved: (name: string) => void;
  },
): Promise<void> {
  const remove = async (name: string): Promise<void> => {
    const container = await findSettled(store, name);
    // Its monitor's teu leaves alone what somebody is at. If that was first, it does what we would do.
    const isKilled = container.phase === "running" && options.force;
    // One that has ended may be started at this moment: either that happens, or this.
    const isTaken = isKilled || (container.phase === "exited" && !isAlive(container.owner));
    const isOurs = !isTaken || takeOver(store.database, container, thisOwner());
    // Together with the others: removing waits where it stands.
    if (isKilled && isOurs) await killForRemoval(store, container);
    await removeContainer(store, isOurs ? container : await findSettled(store, name), options);
  };
  const excused = options.force ? "no-such-container" : undefined;
  await forEach(names, remove, { excused, atOnce: AT_ONCE, onDone: options.onRemoved });
}
