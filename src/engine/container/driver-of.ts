/** The runtime that runs, or ran, a container. */
import type { HostPath } from "../../base/index.ts";
import type { RuntimeDriver } from "../driver/driver.ts";
import { ownDriver } from "../driver/own.ts";
import type { ContainerRecord } from "../store/containers.ts";
import type { Records } from "../store/store.ts";

/** The runtime at `path`, or ours. States of different runtimes lie apart: they do not know each other's files. */
export async function driverOf(store: Records, path: string | undefined): Promise<RuntimeDriver> {
  const state = (name: string) => `${store.paths.runtimeState}/${name}` as HostPath;
  if (path === undefined) return ownDriver(state("teu"));
  const { commandDriver } = await import("../driver/command.ts");
  return commandDriver(path, state(path.slice(path.lastIndexOf("/") + 1)));
}

/** The first process of a container that runs; undefined: it does not, or not any more. */
export async function runningPid(
  store: Records,
  { id, phase, settings }: ContainerRecord,
): Promise<number | undefined> {
  if (phase !== "running") return undefined;
  return await (await driverOf(store, settings.runtime)).pidOf(id);
}
