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

/** `error`, or, when it is the death of a process in these cgroups and the kernel has killed there, what that means. */
export function explainDeath(error: unknown, paths: CgroupPaths, words: string): unknown {
  if (!(error instanceof InitDied) || error.context.signal !== SIGKILL) return error;
  const memory = controllerPath(paths, "memory");
  if (memory === undefined) return error;
  const counted = readKeys(memory.path, memory.version === 1 ? "memory.oom_control" : "memory.events");
  return (counted["oom_kill"] ?? 0n) > 0n ? new InitOomKilled(words, error) : error;
}
