/**
 * What is kept of a container on disk: `<root>/<id>/state.json` and its two fifos. The directory is the claim on the
 * ID; state.json, made visible by rename, is what says that the container is there.
 * Source: runtime-spec runtime.md, State; the layout is runc's.
 */

import { TeuError } from "../base/index.ts";
import { type HookName, parseJSON, type RuntimeConfig } from "../spec/index.ts";
import {
  check,
  cString,
  errnoOf,
  mkdirSync,
  readLinkIfAnySync,
  readTextIfAnySync,
  readTextSync,
  renameSync,
  syscall,
  writeTextSync,
} from "../sys/index.ts";
import type { CgroupPaths } from "./cgroup/path.ts";
import type { ResctrlGroup } from "./resctrl/group.ts";

const AT_FDCWD = -100;

/** Version of state.json: a newer teu reads older ones. */
const STATE_VERSION = 1;

/** state.json. */
export interface SavedState {
  readonly version: typeof STATE_VERSION;
  readonly ociVersion: string;
  readonly id: string;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: tells the process from a later one with its pid. */
  readonly startTime: string;
  /** Absolute. */
  readonly bundle: string;
  readonly rootfs: string;
  /** RFC 3339. */
  readonly created: string;
  readonly owner: number;
  /** Which record of which segment is execve: tells what failed after the gate. */
  readonly exec: { readonly segment: number; readonly record: number };
  readonly cgroupPaths: CgroupPaths;
  /** The container's unit, where systemd made its cgroups. */
  readonly unit?: string;
  /** The container's class of service, if it has one. */
  readonly resctrl?: ResctrlGroup;
  /** The caller's session keyring was kept: exec keeps it too. */
  readonly noNewKeyring?: true;
  /** What its standard streams were, by the kernel's names: a checkpoint needs to know which pipes lead outside. */
  readonly descriptors?: readonly string[];
  /** It was restored into a time namespace, so that its clocks go on; exec joins it. */
  readonly hasTimeNamespace?: true;
  /** Kinds of hooks in the configuration that run after create; most containers have none. */
  readonly laterHooks?: readonly HookName[];
  /** The text of config.json as it was at create: later changes have no effect. Source: runtime.md, Create. */
  readonly configText: string;
}

/** The ID is not one that a container can have. */
export class InvalidContainerID extends TeuError<"invalid-container-id", { id: string }> {
  constructor(context: { id: string }) {
    super("invalid-container-id", "invalid", context, "invalid container ID format");
  }
}

/** The ID is taken. */
export class ContainerExists extends TeuError<"container-exists", { id: string }> {
  constructor(context: { id: string }) {
    super("container-exists", "already-exists", context, "container with given ID already exists");
  }
}

/** There is no container with this ID. */
export class ContainerNotFound extends TeuError<"container-not-found", { id: string }> {
  constructor(context: { id: string }, cause?: unknown) {
    super("container-not-found", "not-found", context, "container does not exist", { cause });
  }
}

/** The directory of a container; the ID is checked, so it names nothing outside `root`. @throws {InvalidContainerID} */
export function stateDirectory(root: string, id: string): string {
  if (!/^[A-Za-z0-9_+.-]{1,1024}$/.test(id) || id === "." || id === "..")
    throw new InvalidContainerID({ id });
  return `${root}/${id}`;
}

/** Claims the ID by making its directory. @throws {ContainerExists} */
export function claimState(root: string, id: string): string {
  const directory = stateDirectory(root, id);
  try {
    mkdirSync(directory, { mode: 0o711 });
  } catch (error) {
    const code = errnoOf(error);
    if (code === "EEXIST") throw new ContainerExists({ id });
    if (code !== "ENOENT") throw error;
    mkdirSync(root, { recursive: true, mode: 0o700 });
    return claimState(root, id);
  }
  return directory;
}

/** A link, made in one call, that leads nowhere: its text is what counts. */
const CGROUPS_LINK = "cgroups";

/** Notes where the container's cgroups will be: should create be killed, `delete` has to know. */
export function noteCgroupsPath(directory: string, cgroupsPath: string): void {
  const link = `${directory}/${CGROUPS_LINK}`;
  check(syscall("symlinkat", cString(cgroupsPath), AT_FDCWD, cString(link)), "symlink", link);
}

/** What was noted; undefined: the usual place. */
export function notedCgroupsPath(directory: string): string | undefined {
  return readLinkIfAnySync(`${directory}/${CGROUPS_LINK}`);
}

/** Makes state.json visible, whole. */
export function saveState(directory: string, state: Omit<SavedState, "version">): void {
  const temporary = `${directory}/state.json.tmp`;
  writeTextSync(temporary, JSON.stringify({ version: STATE_VERSION, ...state }), { mode: 0o600 });
  renameSync(temporary, `${directory}/state.json`);
}

/** Reads state.json. @throws {ContainerNotFound} {InvalidContainerID} */
export function loadState(root: string, id: string): SavedState {
  try {
    return JSON.parse(readTextSync(`${stateDirectory(root, id)}/state.json`)) as SavedState;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") throw new ContainerNotFound({ id }, error);
    throw error;
  }
}

/** The configuration that the container was created with, which was checked then. */
export function savedConfig({ configText }: SavedState): RuntimeConfig {
  return parseJSON(configText, "config.json") as RuntimeConfig;
}

/** Field 22 of /proc/PID/stat; undefined when the process is gone or a zombie. */
export function startTimeOf(pid: number): string | undefined {
  const text = readTextIfAnySync(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name in parentheses may hold anything, so count from its end.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
}
