/** config.json → plan → container. */

// Where processes stand among the cgroups.
export { type CgroupLayout, type Hierarchy, readCgroupLayout } from "./cgroup/layout.ts";
export { readStats } from "./cgroup/stats/read.ts";
// Every capability that we know, by number.
export { CAPABILITY_NAMES } from "./compile/capabilities.ts";
// The plan: what create would do, as data and as text.
export type { CreatePlan } from "./compile/compile.ts";
// Options of mounts, by word.
export { type MountOptions, parseMountOptions } from "./compile/mount-options.ts";
// Killing and removing, and what a container's status is.
export { ContainerNotStopped, deleteContainer } from "./delete.ts";
// A plain user's namespaces: who keeps them, entering them, and what is done in their network.
export { commandIn, routeSocketIn, setUpNetwork } from "./home/elsewhere.ts";
export { type IDMaps, startKeeper } from "./home/keep.ts";
export { ContainerNotRunning, killContainer, parseSignal } from "./kill.ts";
// Containers.
export {
  type CreatedContainer,
  type CreateOptions,
  createContainer,
  NoConfig,
  planContainer,
} from "./machine/create.ts";
export { InitDied, OutsideRoot, PlanFailed, ProgramNotRunnable } from "./machine/errors.ts";
export { CannotExec, type ExecOptions, execProcess } from "./machine/exec.ts";
export type { InitParent } from "./machine/launch.ts";
export { CannotStart, StartFailed, startContainer } from "./machine/start.ts";
export { makeUserNamespace, mapMount } from "./machine/user-namespace.ts";
export { pauseContainer, resumeContainer } from "./pause.ts";
// Stopping a container where it is; its processes, and what they use.
export { containerPids } from "./pids.ts";
export { type PlanRecord, recordAt } from "./plan/decode.ts";
export type { Plan } from "./plan/plan.ts";
export { printPlan } from "./plan/print.ts";
// What is kept of a container on disk.
export {
  ContainerExists,
  ContainerNotFound,
  InvalidContainerID,
  loadState,
  type SavedState,
} from "./state.ts";
export { type ListedContainer, listContainers, statusOf } from "./status.ts";
export { updateContainer } from "./update.ts";
export { type UserUnits, userUnits } from "./user-units.ts";
