/** What follows when a container has become unhealthy. Source: podman-run(1), --health-on-failure. */
import { driverOf } from "../container/driver-of.ts";
import type { HealthCheck } from "../options/health.ts";
import { selfCommand } from "../self.ts";
import type { ContainerRecord } from "../store/containers.ts";
import type { Store } from "../store/store.ts";

const SIGKILL = 9;

/** Does what was asked for then. Each is done by a process of its own, which is the parent of what it starts. */
export async function actOn(
  store: Store,
  { id, settings }: ContainerRecord,
  { onFailure }: HealthCheck,
): Promise<void> {
  if (onFailure === "none") return;
  // A kill that is no stop: its restart policy says what follows.
  if (onFailure === "kill") return await (await driverOf(store, settings.runtime)).kill(id, SIGKILL);
  const env = { TEU_ROOT: store.paths.root, TEU_RUN: store.paths.run };
  const child = Bun.spawn([...selfCommand(), onFailure, id], {
    ...{ cwd: "/", env, detached: true },
    stdio: ["ignore", "ignore", "ignore"],
  });
  await child.exited;
}
