/** Id maps of a new user namespace. Source: user_namespaces(7); runtime-spec config-linux.md, User namespace mappings. */
import { writeFileSync } from "node:fs";
import type { IDMapping } from "../../spec/index.ts";

/** Writes the maps of `pid`. Where the parent is root the groups stay changeable; else they are locked first (2014-8989). */
export function writeIDMaps(
  pid: number,
  uids: readonly IDMapping[],
  gids: readonly IDMapping[],
  privileged: boolean,
): void {
  if (!privileged) writeFileSync(`/proc/${pid}/setgroups`, "deny");
  writeFileSync(`/proc/${pid}/gid_map`, encodeMap(gids));
  writeFileSync(`/proc/${pid}/uid_map`, encodeMap(uids));
}

function encodeMap(mappings: readonly IDMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");
}
