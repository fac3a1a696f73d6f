/** `pause` and `resume`: all processes of a container stop where they are, and go on. */
import { TeuError } from "../../base/index.ts";
import { freeze, thaw } from "../cgroup/freezer.ts";
import { ContainerNotRunning } from "../kill.ts";
import { loadState } from "../state.ts";
import { statusOf } from "../status.ts";
import { containerArgument, runtimeCommand } from "./context.ts";

/** There is nothing to resume. The words are runc's. */
export class ContainerNotPaused extends TeuError<"container-not-paused", { id: string }> {
  constructor(context: { id: string }) {
    super("container-not-paused", "failed-precondition", context, "container not paused");
  }
}

export const pause = runtimeCommand({
  name: "pause",
  summary: "suspend all processes inside the container",
  flags: {},
  arguments: [containerArgument],
  examples: [{ command: "runc pause ubuntu01", says: "Suspend a container" }],
  run({ arguments: [id = ""] }, { root }) {
    const saved = loadState(root, id);
    const status = statusOf(root, saved);
    if (status !== "running" && status !== "created") throw new ContainerNotRunning({ id });
    freeze(saved.cgroupPaths);
    return 0;
  },
});

export const resume = runtimeCommand({
  name: "resume",
  summary: "resume all processes that have been previously paused",
  flags: {},
  arguments: [containerArgument],
  examples: [{ command: "runc resume ubuntu01", says: "Let a suspended container go on" }],
  run({ arguments: [id = ""] }, { root }) {
    const saved = loadState(root, id);
    if (statusOf(root, saved) !== "paused") throw new ContainerNotPaused({ id });
    thaw(saved.cgroupPaths);
    return 0;
  },
});
