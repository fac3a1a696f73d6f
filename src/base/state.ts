/** Where what survives a reboot lies: `TEU_ROOT`, or the system's place for it. */
import { resolve } from "node:path";
import type { HostPath } from "./brand.ts";

/** The folder that `environment` chooses for everything that is kept; absolute, since mounts and bundles name what lies in it. */
export function stateRoot(environment: Readonly<Record<string, string | undefined>>): HostPath {
  return resolve(environment["TEU_ROOT"] || "/var/lib/teu") as HostPath;
}
