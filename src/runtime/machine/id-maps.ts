/**
 * Id maps of a new user namespace: written by root itself, by a plain user for its own two ids, and by the set-uid programs
 * newuidmap and newgidmap for what /etc/subuid and /etc/subgid give to that user.
 * Source: user_namespaces(7), newuidmap(1); runtime-spec config-linux.md, User namespace mappings.
 */
import { TeuError } from "../../base/index.ts";
import type { IDMapping } from "../../spec/index.ts";
import { readTextSync } from "../../sys/index.ts";
import { writeProcFile } from "./proc-file.ts";

/** newuidmap or newgidmap is missing, or refused the map. */
export class IDMapRefused extends TeuError<
  "id-map-refused",
  { field: string; program: string; says: string }
> {
  constructor(context: { field: string; program: string; says: string }) {
    const { field, program, says } = context;
    super(
      "id-map-refused",
      "permission-denied",
      context,
      `${field}: cannot map ids that are not the caller's own: ${program}: ${says}`,
      {
        hint: "A user's own ranges are in /etc/subuid and /etc/subgid; Debian has the programs in the package uidmap",
      },
    );
  }
}

/** Who writes the maps. */
export interface MapWriter {
  readonly uid: number;
  readonly gid: number;
}

/** Writes the maps of `pid`. @throws {ProcFileRefused} {IDMapRefused} */
export function writeIDMaps(
  pid: number,
  uids: readonly IDMapping[],
  gids: readonly IDMapping[],
  writer: MapWriter,
): void {
  const isRoot = writer.uid === 0;
  if (isRoot || isOwn(gids, writer.gid)) {
    // A user who could drop groups could get at files that a group is kept from (2014-8989).
    if (!isRoot) writeProcFile(pid, "setgroups", "deny", "linux.gidMappings");
    writeProcFile(pid, "gid_map", encodeMap(gids), "linux.gidMappings");
  } else runHelper("newgidmap", pid, gids, "linux.gidMappings");
  if (isRoot || isOwn(uids, writer.uid)) writeProcFile(pid, "uid_map", encodeMap(uids), "linux.uidMappings");
  else runHelper("newuidmap", pid, uids, "linux.uidMappings");
}

/** The one map that anybody may write: a single id, their own. */
function isOwn(map: readonly IDMapping[], id: number): boolean {
  const [only] = map;
  return map.length === 1 && only !== undefined && only.size === 1 && only.hostID === id;
}

function encodeMap(mappings: readonly IDMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");
}

const MAX_WORDS = 1000;

function runHelper(program: string, pid: number, map: readonly IDMapping[], field: string): void {
  const path = Bun.which(program);
  if (path === null) throw new IDMapRefused({ field, program, says: "executable file not found in $PATH" });
  const numbers = map.flatMap(({ containerID, hostID, size }) => [containerID, hostID, size]);
  const { success, stderr } = Bun.spawnSync([path, ...[pid, ...numbers].map(String)], {
    env: {},
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  if (!success)
    throw new IDMapRefused({ field, program, says: stderr.toString().trim().slice(0, MAX_WORDS) });
}

/** How ids of this process's user namespace are called in that of `pid`; those that are not, undefined. */
export function readIDMap(pid: number, map: "uid_map" | "gid_map"): (id: number) => number | undefined {
  const ranges = readTextSync(`/proc/${pid}/${map}`)
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  return (id) => {
    for (const [inside = 0, outside = 0, size = 0] of ranges)
      if (id >= outside && id < outside + size) return inside + id - outside;
    return undefined;
  };
}
