/** All processes of a container stop where they are, and go on. Source: runc pause, resume. */
import { TeuError } from "../base/index.ts";
import { freeze, thaw } from "./cgroup/freezer.ts";
import { ContainerNotRunning } from "./kill.ts";
import { loadState } from "./state.ts";
import { statusOf } from "./status.ts";

/** There is nothing to resume. The words are runc's. */
export class ContainerNotPaused extends TeuError<"container-not-paused", { id: string }> {
  constructor(context: { id: string }) {
    super("container-not-paused", "failed-precondition", context, "container not paused");
  }
}

/** Stops the container `id` whose state is below `root`. @throws {ContainerNotRunning} */
export function pauseContainer(root: string, id: string): void {
  const saved = loadState(root, id);
  const status = statusOf(root, saved);
  if (status !== "running" && status !== "created") throw new ContainerNotRunning({ id });
  freeze(saved.cgroupPaths);
}

/** Lets it go on. @throws {ContainerNotPaused} */
export function resumeContainer(root: string, id: string): void {
  const saved = loadState(root, id);
  if (statusOf(root, saved) !== "paused") throw new ContainerNotPaused({ id });
  thaw(saved.cgroupPaths);
}
