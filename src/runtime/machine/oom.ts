/** Telling a process that the kernel killed for want of memory from one that somebody killed. */
import { TeuError } from "../../base/index.ts";
import { type CgroupPaths, controllerPath } from "../cgroup/path.ts";
import { readKeys } from "../cgroup/stats/values.ts";
import { InitDied } from "./errors.ts";

/** The words are runc's: dockerd and Kubernetes show them to people. */
export class InitOomKilled extends TeuError<"init-oom-killed"> {
  constructor(words: string, cause: unknown) {
    super("init-oom-killed", "exhausted", {}, words, { cause });
  }
}

const SIGKILL = 9;

/**
 * `error`, or, when it is the death of a process in these cgroups and the kernel has killed there, what that means. Throws
 * nothing: there is an error already, and what is to be undone after it.
 */
export function explainDeath(error: unknown, paths: CgroupPaths, words: string): unknown {
  if (!(error instanceof InitDied) || error.context.signal !== SIGKILL) return error;
  return killsIn(paths) > 0n ? new InitOomKilled(words, error) : error;
}

/** How often the kernel has killed for want of memory; 0 where that cannot be read. */
function killsIn(paths: CgroupPaths): bigint {
  const memory = controllerPath(paths, "memory");
  if (memory === undefined) return 0n;
  const file = memory.version === 1 ? "memory.oom_control" : "memory.events";
  try {
    return readKeys(memory.path, file)["oom_kill"] ?? 0n;
  } catch {
    return 0n;
  }
}
