/** Who is in a container's cgroups, and ending all of them. */
import { errnoOf, readdirSync, syscall } from "../../sys/index.ts";
import { readCgroupFileIfAny, writeCgroupFile } from "./file.ts";
import { isFrozen, thaw } from "./freezer.ts";
import type { CgroupPaths } from "./path.ts";

/** The hierarchy to ask: v1 has one membership per hierarchy, and the devices one is always there. */
function directoryOf(paths: CgroupPaths): string | undefined {
  return paths["devices"] ?? paths[""] ?? Object.values(paths)[0];
}

/** The pids in the container's cgroup and those below it, as the host sees them. Empty when the cgroup is gone. */
export function cgroupPids(paths: CgroupPaths): number[] {
  const directory = directoryOf(paths);
  return directory === undefined ? [] : pidsBelow(directory);
}

function pidsBelow(directory: string): number[] {
  const text = processesIn(directory);
  if (text === undefined) return [];
  const pids = text === "" ? [] : text.split("\n").map(Number);
  return [...pids, ...subdirectories(directory).flatMap((name) => pidsBelow(`${directory}/${name}`))];
}

/** Undefined when it is gone. A threaded cgroup (v2) does not say: the one above that it is a part of has its processes. */
function processesIn(directory: string): string | undefined {
  try {
    return readCgroupFileIfAny(`${directory}/cgroup.procs`);
  } catch (error) {
    if (errnoOf(error) === "EOPNOTSUPP") return "";
    throw error;
  }
}

/** The cgroups right below one; none when it is gone. */
export function subdirectories(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((entry) => entry.isDirectory)
      .map((entry) => entry.name);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}

/** Sends `signal` to every process of the container once. */
export function signalCgroup(paths: CgroupPaths, signal: number): void {
  for (const pid of cgroupPids(paths)) syscall("kill", pid, signal);
}

const SIGKILL = 9;
const KILL_ROUNDS = 100;

/**
 * Kills every process of the container, also those that fork meanwhile and those that are frozen. Returns when all
 * are gone or have been waited for a second.
 */
export function killCgroup(paths: CgroupPaths): void {
  const unified = Object.keys(paths).length === 1 ? paths[""] : undefined;
  const atOnce = unified !== undefined && killAtOnce(unified);
  for (let round = 0; round < KILL_ROUNDS; round++) {
    const pids = cgroupPids(paths);
    if (pids.length === 0) return;
    if (!atOnce) {
      for (const pid of pids) syscall("kill", pid, SIGKILL);
      // A process in the v1 freezer dies only when it is let go.
      if (round === 0 && isFrozen(paths)) thaw(paths);
    }
    Bun.sleepSync(round < 5 ? 1 : 10);
  }
}

/** Linux 5.14 and later; also right for frozen and forking processes. Source: cgroup-v2.rst, cgroup.kill. */
function killAtOnce(directory: string): boolean {
  try {
    writeCgroupFile(`${directory}/cgroup.kill`, "1");
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}
