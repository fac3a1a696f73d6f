/** Where what survives a reboot lies: `TEU_ROOT`, or the system's place for it. */
import type { HostPath } from "./brand.ts";

/** The folder that `environment` chooses for everything that is kept. */
export function stateRoot(environment: Readonly<Record<string, string | undefined>>): HostPath {
  return (environment["TEU_ROOT"] || "/var/lib/teu") as HostPath; // as a person gave it
}
