/**
 * config.json's mounts, in order: each is made detached, then attached to a descriptor of its destination.
 * Source: runtime-spec config.md, Mounts; fsopen(2), fspick(2), open_tree(2), mount_setattr(2), move_mount(2).
 */
import type { Linux, Mount } from "../../spec/index.ts";
import { byteLength } from "../../sys/index.ts";
import type { PlanBuilder } from "../plan/builder.ts";
import { compileBind, isBindMount } from "./bind.ts";
import { compileCgroupMount } from "./cgroup-mount.ts";
import {
  FSCONFIG_CMD_RECONFIGURE,
  FSPICK_CLOEXEC,
  FSPICK_EMPTY_PATH,
  MOUNT_ATTR_RDONLY,
  O_DIRECTORY,
  O_PATH,
} from "./constants.ts";
import { type Circumstances, close, MODE, ROOT, T1, T2 } from "./context.ts";
import { compileCopyUp } from "./copy-up.ts";
import { isProcOrSys, openDestination, openInRoot, relativePath } from "./destination.ts";
import { labelData } from "./labels.ts";
import { configure, loadMode, newFileSystem, setAttributes } from "./mount-calls.ts";
import { type MountOptions, parseMountOptions } from "./mount-options.ts";
import { place } from "./place.ts";

const CLAUSE = "config.md, Mounts";
/** Of a tmpfs whose destination had to be made. */
const TMPFS_MODE = 0o1777;

/** What the mounts depend on, beside the circumstances. */
export interface MountContext {
  readonly world: Circumstances;
  readonly inUserNamespace: boolean;
  readonly linux: Pick<Linux, "namespaces" | "uidMappings" | "gidMappings" | "mountLabel">;
}

/** All mounts of config.json. Read-only tmpfs stay writable until `finishReadonly`: destinations are made in them. */
export function compileMounts(plan: PlanBuilder, mounts: readonly Mount[], context: MountContext): void {
  mounts.forEach((mount, index) => {
    plan.section(`mounts[${index}] ${mount.destination}`, CLAUSE);
    compileMount(plan, mount, context);
  });
}

/** The second half of read-only tmpfs mounts. */
export function finishReadonly(plan: PlanBuilder, mounts: readonly Mount[]): void {
  mounts.forEach((mount, index) => {
    const options = parseMountOptions(mount.options ?? []);
    if (!isDelayed(mount, options)) return;
    plan.section(`mounts[${index}] ${mount.destination}`, CLAUSE);
    openDestination(plan, mount.destination, "directory", T1);
    setAttributes(plan, T1, { set: MOUNT_ATTR_RDONLY, clear: 0 }, false);
    close(plan, T1);
  });
}

function isDelayed(mount: Mount, { bind, remount, attributes }: MountOptions): boolean {
  return mount.type === "tmpfs" && bind === "no" && !remount && (attributes.set & MOUNT_ATTR_RDONLY) !== 0;
}

function compileMount(plan: PlanBuilder, mount: Mount, context: MountContext): void {
  const options = parseMountOptions(mount.options ?? []);
  const isBind = isBindMount(mount, options);
  if (options.remount) compileRemount(plan, mount, options, isBind);
  else if (isBind) compileBind(plan, mount, options, context);
  else if (mount.type === "cgroup" || mount.type === "cgroup2")
    compileCgroupMount(plan, mount, options, context);
  else if (mount.type === "tmpfs") compileTmpfs(plan, mount, options, context.linux.mountLabel);
  else {
    const { type = "" } = mount;
    const { mountLabel } = context.linux;
    const data = labelData(type, mountLabel, dataOf(mount, options));
    newFileSystem(plan, type, data, options.attributes.set, T1);
    if (type === "mqueue" && mountLabel) labelRoot(plan, mountLabel);
    setAttributes(plan, T1, options.recursive, true);
    place(plan, mount.destination, "directory", options);
  }
}

/** A queue's file system takes no label as a parameter; what is made in it has that of its root. */
function labelRoot(plan: PlanBuilder, label: string): void {
  openInRoot(plan, T1, ".", { into: T2, flags: O_DIRECTORY });
  const value = plan.text(label);
  plan.call("fsetxattr", [T2, plan.text("security.selinux"), value, byteLength(label) + 1, 0]);
  close(plan, T2);
}

function dataOf({ source }: Mount, { flags, data }: MountOptions): (readonly [string, string | undefined])[] {
  const named = source === undefined || source === "" ? [] : [["source", source] as const];
  return [...named, ...flags.map((flag) => [flag, undefined] as const), ...data];
}

/** Without a mode of its own it has that of the directory that it covers, and with tmpcopyup what is in there, too. */
function compileTmpfs(
  plan: PlanBuilder,
  mount: Mount,
  options: MountOptions,
  mountLabel: string | undefined,
): void {
  const { destination } = mount;
  const takesMode = !options.data.some(([key]) => key === "mode");
  if (takesMode) rememberMode(plan, destination);
  const set = options.attributes.set & (isDelayed(mount, options) ? ~MOUNT_ATTR_RDONLY : ~0);
  newFileSystem(plan, "tmpfs", labelData("tmpfs", mountLabel, dataOf(mount, options)), set, T1);
  if (takesMode) {
    openInRoot(plan, T1, ".", { into: T2, flags: O_DIRECTORY });
    plan.call("fchmod", [T2, MODE]);
    close(plan, T2);
  }
  if (options.tmpcopyup) compileCopyUp(plan, destination, T1);
  setAttributes(plan, T1, options.recursive, true);
  place(plan, destination, "directory", options);
}

/** MODE becomes the mode of the directory at `destination`, if there is one. */
function rememberMode(plan: PlanBuilder, destination: string): void {
  const absent = plan.label();
  plan.move(MODE, TMPFS_MODE);
  openInRoot(plan, ROOT, relativePath(destination), {
    into: T2,
    flags: O_PATH | O_DIRECTORY,
    strict: isProcOrSys(destination),
    on: { ENOENT: absent },
  });
  loadMode(plan, T2, MODE);
  close(plan, T2);
  plan.place(absent);
}

/** Changes what is mounted already: its own attributes and, unless it is a bind, the file system's parameters. */
function compileRemount(plan: PlanBuilder, mount: Mount, options: MountOptions, isBind: boolean): void {
  openInRoot(plan, ROOT, relativePath(mount.destination), {
    into: T1,
    strict: isProcOrSys(mount.destination),
  });
  const data = [...options.flags.map((flag) => [flag, undefined] as const), ...options.data];
  if (!isBind && data.length > 0) {
    plan.call("fspick", [T1, plan.text(""), FSPICK_CLOEXEC | FSPICK_EMPTY_PATH], { result: T2 });
    configure(plan, T2, data);
    plan.call("fsconfig", [T2, FSCONFIG_CMD_RECONFIGURE]);
    close(plan, T2);
  }
  setAttributes(plan, T1, options.attributes, false);
  setAttributes(plan, T1, options.recursive, true);
  for (const { type, recursive } of options.propagation)
    setAttributes(plan, T1, { set: 0, clear: 0, propagation: type }, recursive);
  close(plan, T1);
}
