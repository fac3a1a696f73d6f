/** Our own runtime: containers are created, and started. */
import type { HostPath } from "../../base/index.ts";
import { createContainer, startContainer, userUnits } from "../../runtime/index.ts";
import type { RuntimeConfig } from "../../spec/index.ts";
import { duplicate, isInUserNamespace, syscall } from "../../sys/index.ts";
import type { Created, CreateRequest } from "./driver.ts";
import { inOurWords } from "./own-errors.ts";

export async function create(
  state: HostPath,
  { id, bundle, stdio, onTerminal, monitor }: CreateRequest,
): Promise<Created> {
  const units = isUnit(bundle.config) ? await userUnits() : undefined;
  const { pid, pidfd, systemCalls, planDigest, cgroupPaths } = await inOurWords(() =>
    createContainer({
      root: state,
      containerID: id,
      bundle: bundle.path,
      document: bundle,
      stdio,
      dieWithParent: true,
      parent: monitor,
      ...(units && { planUnit: units.planUnit }),
      // Its own copy is closed when this returns.
      onConsole: (master) => onTerminal(duplicate(master)),
    }),
  );
  syscall("close", pidfd);
  return { pid, systemCalls, planDigest: planDigest(), cgroupPaths };
}

export async function start(state: HostPath, id: string): Promise<void> {
  await inOurWords(() => startContainer(state, id));
}

/** Whether config.json asks for a unit of systemd: a plain user's own one, which root's containers are not. */
function isUnit(config: RuntimeConfig): boolean {
  return isInUserNamespace() && (config.linux?.cgroupsPath?.includes(":") ?? false);
}
