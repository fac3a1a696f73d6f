/**
 * The systemd cgroup driver: a container is a scope, which systemd makes, knows the limits of, and keeps. A scope needs a
 * process from the beginning; that is one of init.c that waits, and leaves when the container's own is inside. So the
 * container is born in its cgroup as it is without systemd, and its cgroup namespace begins there.
 * Source: org.freedesktop.systemd1(5), StartTransientUnit; runc docs/systemd.md.
 */
import { hasCode, TeuError, Unsupported } from "../../base/index.ts";
import type { Linux, Resources, RuntimeConfig } from "../../spec/index.ts";
import { check, existsSync, reap, syscall, uidOutside } from "../../sys/index.ts";
import { devicePolicy } from "../cgroup/device-rules.ts";
import { writeCgroupFile } from "../cgroup/file.ts";
import type { CgroupLayout } from "../cgroup/layout.ts";
import type { CgroupPaths } from "../cgroup/path.ts";
import { annotatedProperties } from "../cgroup/systemd/annotations.ts";
import { SystemdBus, userSockets } from "../cgroup/systemd/bus.ts";
import { deviceProperties } from "../cgroup/systemd/devices.ts";
import {
  limitPropertiesV1,
  limitPropertiesV2,
  startProperties,
  withRoundQuota,
} from "../cgroup/systemd/limits.ts";
import { encodeProperty, type Property, property } from "../cgroup/systemd/property.ts";
import { type UnitName, unitOf } from "../cgroup/systemd/unit.ts";
import { UnifiedOnV1 } from "../cgroup/v1.ts";
import { PlanBuilder } from "../plan/builder.ts";
import { type Launched, launch } from "./launch.ts";
import { hasLimitedRights } from "./rights.ts";

/** There is no systemd to ask. The words are runc's. */
export class NoSystemd extends TeuError<"no-systemd"> {
  constructor() {
    super(
      "no-systemd",
      "failed-precondition",
      {},
      "systemd not running on this host, cannot use systemd cgroups manager",
    );
  }
}

/** systemd did not make the unit, or did not change it. */
export class UnitFailed extends TeuError<"unit-failed", { unit: string; result: string }> {
  constructor(context: { unit: string; result: string }, words: string, cause?: unknown) {
    super("unit-failed", "failed-precondition", context, words, { cause });
  }
}

/** A container's unit, from before it is made. */
export interface ContainerUnit {
  readonly name: string;
  /** As in config.json, with the cgroup where the unit's is and quotas as systemd counts them. */
  readonly linux: Linux;
  /** Makes the unit; the cgroups that systemd makes are there when it returns. @throws {UnitFailed} */
  start(): void;
  /** The container's first process is inside, or on its way: the one that waits leaves, and systemd learns the limits. */
  handOver(pid: number, paths: CgroupPaths): void;
  /** Ends whatever is in the unit, and the unit. Another's of the same name, for which `start` failed, is left alone. */
  stop(): void;
}

export type PlanUnit = typeof planUnit;

/** Plans the unit of one container. @throws {NoSystemd} {InvalidUnit} {Unsupported} */
export function planUnit(config: RuntimeConfig, containerID: string, layout: CgroupLayout): ContainerUnit {
  if (!isRunning()) throw new NoSystemd();
  const isUsers = hasLimitedRights();
  if (isUsers && layout.v1.length > 0)
    throw new Unsupported({ what: "--systemd-cgroup", why: "a user's own systemd has no cgroup v1 to give" });
  const unit = unitOf(config.linux?.cgroupsPath, containerID, isUsers ? managersCgroup() : undefined);
  const resources = withRoundQuota(config.linux?.resources ?? {});
  if (layout.v1.length > 0 && Object.keys(resources.unified ?? {}).length > 0) throw new UnifiedOnV1();
  let systemd: SystemdBus | undefined;
  let waiter: Launched | undefined;
  let isOurs = false;
  const endWaiting = (): void => {
    if (waiter !== undefined) endWaiter(waiter);
    waiter = undefined;
  };
  const hangUp = (): void => {
    systemd?.[Symbol.dispose]();
    systemd = undefined;
  };
  return {
    name: unit.name,
    linux: { ...config.linux, resources, cgroupsPath: unit.path },
    start() {
      systemd = connect();
      waiter = startWaiter();
      const version = versionOf(systemd);
      const job = beginStart(systemd, unit.name, [
        ...scopeProperties(unit, containerID, waiter.pid, layout),
        ...annotatedProperties(config.annotations),
        ...startProperties(resources, version),
        // A user's systemd may load no programs for devices, and a user makes none.
        ...(isUsers ? [] : deviceProperties(devicePolicy(resources.devices ?? [], config.linux?.devices))),
      ]);
      isOurs = true;
      finishStart(systemd, unit.name, job);
    },
    handOver(pid, paths) {
      // On v1 alone init enters by itself, later: systemd must not find its hierarchy empty meanwhile.
      const own = paths["name=systemd"];
      if (layout.unified === undefined && own !== undefined)
        writeCgroupFile(`${own}/cgroup.procs`, String(pid));
      endWaiting();
      if (systemd !== undefined) tellLimits(systemd, unit.name, resources, layout);
      hangUp();
    },
    stop() {
      endWaiting();
      hangUp();
      if (isOurs) stopUnit(unit.name);
    },
  };
}

/** With the systemd that has the caller's cgroups to give: the system's for the host's root, anybody else's own. */
function connect(): SystemdBus {
  if (!hasLimitedRights()) return new SystemdBus();
  // Whom the kernel tells others that we are: in a user namespace, where podman calls a runtime, not the id that we see.
  const uid = uidOutside(process.geteuid?.() ?? 0);
  return new SystemdBus(userSockets(process.env, uid), uid);
}

/** Where a user's systemd is, and all its units below it: `/user.slice/user-1000.slice/user@1000.service`. */
function managersCgroup(): string {
  using systemd = connect();
  return String(systemd.get("ControlGroup"));
}

/**
 * Whether this process may put containers into units of a user's own systemd: the kernel lets it where it is below that systemd itself,
 * on a machine with cgroup v2 alone.
 */
export function hasOwnUnits({ v1, unified }: CgroupLayout): boolean {
  if (!isRunning() || v1.length > 0 || unified === undefined) return false;
  try {
    return unified.own.startsWith(`${managersCgroup()}/`);
  } catch (error) {
    // The user has no systemd, or it does not speak to us.
    if (hasCode(error, "systemd-unreachable") || hasCode(error, "systemd-refused")) return false;
    throw error;
  }
}

function isRunning(): boolean {
  return existsSync("/run/systemd/system");
}

/** `252.39-1~deb12u1` → 252. */
function versionOf(systemd: SystemdBus): number {
  return Number(/\d+/.exec(String(systemd.get("Version")))?.[0] ?? 0);
}

/** A process of init.c that says one word and waits for an answer; it ends when the socket is closed, also by our death. */
function startWaiter(): Launched {
  const plan = new PlanBuilder();
  plan.section("linux.cgroupsPath", "systemd.scope(5): a scope begins with a process");
  plan.sync("ready");
  plan.exit(0);
  return launch(plan.finish(), { stdio: [0, 1, 2], cloneFlags: 0 });
}

const SIGKILL = 9;

function endWaiter({ pid, pidfd, socket }: Launched): void {
  syscall("pidfd_send_signal", pidfd, SIGKILL, 0, 0);
  reap(pid, { wait: true });
  for (const descriptor of [pidfd, socket]) check(syscall("close", descriptor), "close");
}

function scopeProperties(
  { slice }: UnitName,
  containerID: string,
  pid: number,
  { v1 }: CgroupLayout,
): Property[] {
  const accounting = [
    "MemoryAccounting",
    "CPUAccounting",
    v1.length > 0 ? "BlockIOAccounting" : "IOAccounting",
  ];
  return [
    property("Description", "s", `teu container ${containerID}`),
    property("Slice", "s", slice),
    property("Delegate", "b", true),
    property("PIDs", "au", [pid]),
    ...[...accounting, "TasksAccounting"].map((name) => property(name, "b", true)),
    property("DefaultDependencies", "b", false),
  ];
}

const UNIT_EXISTS = "org.freedesktop.systemd1.UnitExists";
const NO_SUCH_UNIT = "org.freedesktop.systemd1.NoSuchUnit";

function isRefusal(error: unknown, name: string): boolean {
  return hasCode(error, "systemd-refused") && error.context["name"] === name;
}

/** Returns the job. @throws {UnitFailed} also when there is a unit of this name */
function beginStart(systemd: SystemdBus, unit: string, properties: readonly Property[]): string {
  const begin = (): string => {
    const [job] = systemd.call(
      "StartTransientUnit",
      "ssa(sv)a(sa(sv))",
      unit,
      "replace",
      properties.map(encodeProperty),
      [],
    );
    return String(job);
  };
  try {
    try {
      return begin();
    } catch (error) {
      if (!isRefusal(error, UNIT_EXISTS)) throw error;
      // It may be one that failed and that nobody has looked at: then this makes systemd forget it.
      resetFailed(systemd, unit);
      return begin();
    }
  } catch (error) {
    const why = hasCode(error, "systemd-refused") ? error.context["text"] : (error as Error).message;
    throw new UnitFailed(
      { unit, result: "refused" },
      `unable to start unit ${JSON.stringify(unit)}: ${why}`,
      error,
    );
  }
}

function finishStart(systemd: SystemdBus, unit: string, job: string): void {
  const result = systemd.waitForJob(job);
  if (result === "done") return;
  resetFailed(systemd, unit);
  throw new UnitFailed({ unit, result }, `error creating systemd unit \`${unit}\`: got \`${result}\``);
}

/** A unit that is not there, or not failed, is none that needs it. */
function resetFailed(systemd: SystemdBus, unit: string): void {
  try {
    systemd.call("ResetFailedUnit", "s", unit);
  } catch (error) {
    if (!isRefusal(error, NO_SUCH_UNIT) && !isRefusal(error, UNIT_EXISTS)) throw error;
  }
}

/** Stops the unit and has systemd forget it. One that is gone, as an empty scope is by itself, is no failure. */
export function stopUnit(unit: string): void {
  using systemd = connect();
  try {
    const [job] = systemd.call("StopUnit", "ss", unit, "replace");
    systemd.waitForJob(String(job));
  } catch (error) {
    if (!isRefusal(error, NO_SUCH_UNIT)) throw error;
  }
  resetFailed(systemd, unit);
}

/**
 * Tells systemd the limits of a unit. Returns them with the quota as systemd counts it, for the cgroup's files, which are the
 * caller's to write.
 * @throws {UnitFailed} {InvalidLimit}
 */
export function setLimits(unit: string, given: Resources, layout: CgroupLayout): Resources {
  const resources = withRoundQuota(given);
  using systemd = connect();
  tellLimits(systemd, unit, resources, layout);
  return resources;
}

function tellLimits(systemd: SystemdBus, unit: string, resources: Resources, { v1 }: CgroupLayout): void {
  const version = versionOf(systemd);
  const properties =
    v1.length > 0 ? limitPropertiesV1(resources, version) : limitPropertiesV2(resources, version);
  if (properties.length === 0) return;
  try {
    systemd.call("SetUnitProperties", "sba(sv)", unit, true, properties.map(encodeProperty));
  } catch (error) {
    if (!hasCode(error, "systemd-refused")) throw error;
    throw new UnitFailed(
      { unit, result: "refused" },
      `unable to set unit properties: ${error.context["text"]}`,
      error,
    );
  }
}
