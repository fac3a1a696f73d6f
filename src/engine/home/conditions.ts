/** What the home of this process is like, for the containers that are made in it. */
import { existsSync, readFileSync } from "node:fs";
import { readCgroupLayout, userUnits } from "../../runtime/index.ts";
import type { Device, RuntimeConfig } from "../../spec/index.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { asInHome } from "./config.ts";

/** `config` as it can be here. @throws {NoCgroupForLimit} */
export async function configInHome(
  container: ContainerRecord,
  config: RuntimeConfig,
): Promise<RuntimeConfig> {
  const oomScoreAdj = Number(readFileSync("/proc/self/oom_score_adj", "utf8"));
  const { hasOwnUnits } = await userUnits();
  const isUnit = container.settings.runtime === undefined && hasOwnUnits(readCgroupLayout());
  return asInHome(config, {
    ids: idsHere(),
    oomScoreAdj,
    nodeOf,
    hasMessageQueues: existsSync("/dev/mqueue"),
    ...(isUnit && { cgroupsPath: unitPath(container.id) }),
  });
}

/** Where udev has put a device. Source: kernel Documentation/ABI/testing/sysfs-dev, uevent. */
/** Where this machine has the device; undefined: nowhere. */
export function nodeOf({ type, major, minor }: Device): string | undefined {
  const file = `/sys/dev/${type === "b" ? "block" : "char"}/${major}:${minor}/uevent`;
  if (!existsSync(file)) return undefined;
  const name = /^DEVNAME=(.+)$/m.exec(readFileSync(file, "utf8"))?.[1];
  return name === undefined ? undefined : `/dev/${name}`;
}

/** As the systemd driver has it: `slice:prefix:name`. */
function unitPath(id: string): string {
  return `user.slice:teu:${id}`;
}

/** How many ids the user namespace of this process has. */
export function idsHere(): number {
  return countIDs(readFileSync("/proc/self/uid_map", "utf8"));
}

/** How many ids a map has. Source: user_namespaces(7). */
function countIDs(map: string): number {
  return map
    .trim()
    .split("\n")
    .reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[2]), 0);
}
