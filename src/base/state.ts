/** Where what survives a reboot lies: `TEU_ROOT`, or the system's place for it. */
import type { HostPath } from "./brand.ts";
import { normalizePath, resolvePath } from "./path.ts";

/** The folder that `environment` chooses for everything that is kept; absolute, since mounts and bundles name what lies in it. */
export function stateRoot(environment: Readonly<Record<string, string | undefined>>): HostPath {
  const root = environment["TEU_ROOT"] || "/var/lib/teu";
  // An absolute one is good from a working directory that is gone, too.
  return (root.startsWith("/") ? normalizePath(root) : resolvePath(process.cwd(), root)) as HostPath;
}
