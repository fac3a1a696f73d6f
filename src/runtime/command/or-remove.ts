/**
 * What `create` and `run` do after there is a container: whatever of it fails takes the container along, so that a caller
 * who was told of a failure finds nothing half-made under the ID.
 */
import { syscall } from "../../sys/index.ts";
import { deleteContainer } from "../delete.ts";
import type { CreatedContainer, CreateOptions } from "../machine/create.ts";
import { CleanupFailed } from "../machine/roll-back.ts";
import type { RuntimeContext } from "./context.ts";
import { unitStopper } from "./units.ts";

/** Kills and deletes the container, whatever its status. */
export async function removeContainer(
  { root, cgroupManager }: RuntimeContext,
  { containerID, onWarning }: CreateOptions,
): Promise<void> {
  deleteContainer(root, containerID, {
    force: true,
    ...(onWarning && { onWarning }),
    ...(cgroupManager === "systemd" && (await unitStopper(root, containerID))),
  });
}

/**
 * Does `step`; if it fails, the container goes too, and the first failure leads. `created.pidfd` is closed then.
 * @throws {CleanupFailed} when the container cannot be removed either.
 */
export async function orRemove<T>(
  context: RuntimeContext,
  options: CreateOptions,
  created: CreatedContainer,
  step: () => T | Promise<T>,
): Promise<T> {
  try {
    return await step();
  } catch (error) {
    syscall("close", created.pidfd);
    try {
      await removeContainer(context, options);
    } catch (failed) {
      throw new CleanupFailed(error, [failed]);
    }
    throw error;
  }
}
