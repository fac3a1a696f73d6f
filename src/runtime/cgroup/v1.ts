/**
 * Limits as cgroup v1 files. Values are written as config.json has them; the order is the one that the kernel takes
 * on a new cgroup, and `retry` makes the same list right for one that has limits already.
 * Source: config-linux.md, control groups; kernel admin-guide/cgroup-v1.
 */
import { TeuError } from "../../base/index.ts";
import type {
  BlockIOResources,
  CPUResources,
  Integer64,
  MemoryResources,
  Resources,
} from "../../spec/index.ts";
import { type DevicePolicy, encodeDeviceException } from "./device-rules.ts";
import type { CgroupPaths } from "./path.ts";
import type { CgroupWrite, CgroupWriteRule } from "./write.ts";

/** A limit cannot be set because the kernel's controller is not mounted here. */
export class ControllerMissing extends TeuError<
  "controller-missing",
  { controller: string; clause: string }
> {
  constructor(context: { controller: string; clause: string }) {
    super(
      "controller-missing",
      "failed-precondition",
      context,
      `Cannot set ${context.clause}: no cgroup hierarchy has the controller ${context.controller}`,
    );
  }
}

/** Files of cgroup v2 are asked for where there are none. The words are runc's. */
export class UnifiedOnV1 extends TeuError<"unified-on-v1", { clause: string }> {
  constructor() {
    const clause = "linux.resources.unified";
    super(
      "unified-on-v1",
      "failed-precondition",
      { clause },
      `Cannot set ${clause}: invalid configuration: cannot use unified on cgroup v1`,
    );
  }
}

/** A value is outside of what the kernel would take or silently change. */
export class InvalidLimit extends TeuError<"invalid-limit", { clause: string; value: string; why: string }> {
  constructor(context: { clause: string; value: string; why: string }) {
    super("invalid-limit", "invalid", context, `Invalid ${context.clause} ${context.value}: ${context.why}`);
  }
}

/** What a list of writes is collected with: file by file, absent and zero values left out. */
class Writes {
  readonly all: CgroupWrite[] = [];
  readonly #paths: CgroupPaths;

  constructor(paths: CgroupPaths) {
    this.#paths = paths;
  }

  /** Absent and 0 mean "not set", as in Go's documents. */
  add(
    controller: string,
    file: string,
    value: Integer64 | string | undefined,
    clause: string,
    onError?: Readonly<Record<string, CgroupWriteRule>>,
  ): void {
    if (!value) return;
    this.always(controller, file, value, clause, onError);
  }

  always(
    controller: string,
    file: string,
    value: Integer64 | string,
    clause: string,
    onError?: Readonly<Record<string, CgroupWriteRule>>,
  ): void {
    const write = this.at(controller, file, String(value), clause);
    this.all.push(onError === undefined ? write : { ...write, onError });
  }

  at(controller: string, file: string, value: string, clause: string): CgroupWrite {
    const directory = this.#paths[controller];
    if (directory === undefined) throw new ControllerMissing({ controller, clause });
    return { controller, path: `${directory}/${file}`, value, clause };
  }
}

const RETRY = { EINVAL: "retry" } as const;

/**
 * The writes for `resources`, without devices.
 * @throws {ControllerMissing} {InvalidLimit}
 */
export function limitsV1(resources: Resources, paths: CgroupPaths): readonly CgroupWrite[] {
  const writes = new Writes(paths);
  const { cpu, memory, pids, blockIO, hugepageLimits, network, rdma, unified } = resources;
  if (unified !== undefined && Object.keys(unified).length > 0) throw new UnifiedOnV1();
  if (cpu !== undefined) addCPU(writes, cpu);
  if (memory !== undefined) addMemory(writes, memory);
  if (pids?.limit !== undefined)
    writes.always("pids", "pids.max", pidsMax(pids.limit), "linux.resources.pids.limit");
  if (blockIO !== undefined) addBlockIO(writes, blockIO);
  for (const { pageSize, limit } of hugepageLimits ?? []) {
    const clause = "linux.resources.hugepageLimits";
    writes.always("hugetlb", `hugetlb.${fileNamePart(pageSize, clause)}.limit_in_bytes`, limit, clause);
    writes.always("hugetlb", `hugetlb.${pageSize}.rsvd.limit_in_bytes`, limit, clause, { ENOENT: "ignore" });
  }
  writes.add("net_cls", "net_cls.classid", network?.classID, "linux.resources.network.classID");
  for (const { name, priority } of network?.priorities ?? [])
    writes.always(
      "net_prio",
      "net_prio.ifpriomap",
      `${name} ${priority}`,
      "linux.resources.network.priorities",
    );
  for (const [device, limit] of Object.entries(rdma ?? {}))
    writes.always("rdma", "rdma.max", rdmaMax(device, limit), "linux.resources.rdma");
  return writes.all;
}

/** The kernel clamps shares to these bounds without a word. */
const MIN_SHARES = 2;
const MAX_SHARES = 262144;

function addCPU(writes: Writes, cpu: CPUResources): void {
  const clause = "linux.resources.cpu";
  const { shares, period, quota, burst, realtimePeriod, realtimeRuntime, cpus, mems, idle } = cpu;
  if (shares && (shares < MIN_SHARES || shares > MAX_SHARES)) {
    const why =
      shares < MIN_SHARES
        ? `the minimum allowed cpu-shares is ${MIN_SHARES}`
        : `the maximum allowed cpu-shares is ${MAX_SHARES}`;
    throw new InvalidLimit({ clause: `${clause}.shares`, value: String(shares), why });
  }
  writes.add("cpu", "cpu.shares", shares, `${clause}.shares`);
  // Each of the three is checked against the others' present values.
  writes.add("cpu", "cpu.cfs_period_us", period, `${clause}.period`, RETRY);
  writes.add("cpu", "cpu.cfs_quota_us", quota, `${clause}.quota`, RETRY);
  if (burst !== undefined)
    writes.always("cpu", "cpu.cfs_burst_us", burst, `${clause}.burst`, { ...RETRY, ENOENT: "ignore" });
  if (idle !== undefined) writes.always("cpu", "cpu.idle", idle, `${clause}.idle`);
  writes.add("cpu", "cpu.rt_period_us", realtimePeriod, `${clause}.realtimePeriod`, RETRY);
  writes.add("cpu", "cpu.rt_runtime_us", realtimeRuntime, `${clause}.realtimeRuntime`);
  writes.add("cpuset", "cpuset.cpus", cpus, `${clause}.cpus`);
  writes.add("cpuset", "cpuset.mems", mems, `${clause}.mems`);
}

function addMemory(writes: Writes, memory: MemoryResources): void {
  const clause = "linux.resources.memory";
  const { limit, swap, reservation, disableOOMKiller, swappiness } = memory;
  refuseLessSwap(memory);
  // The limit may not exceed memory plus swap at any moment: on a new cgroup this order is right, on a grown one it is tried again.
  writes.add("memory", "memory.limit_in_bytes", limit, `${clause}.limit`, RETRY);
  // No limit on memory means none on both, unless said otherwise; a kernel may be without swap accounting.
  if (Number(limit) === -1 && !swap)
    writes.always("memory", "memory.memsw.limit_in_bytes", -1, `${clause}.limit`, { ENOENT: "ignore" });
  writes.add("memory", "memory.memsw.limit_in_bytes", swap, `${clause}.swap`, RETRY);
  writes.add("memory", "memory.soft_limit_in_bytes", reservation, `${clause}.reservation`);
  if (disableOOMKiller) writes.always("memory", "memory.oom_control", 1, `${clause}.disableOOMKiller`);
  if (swappiness === undefined || swappiness === 18446744073709551615n) return; // -1, from callers with unsigned fields
  if (swappiness > 100)
    throw new InvalidLimit({
      clause: `${clause}.swappiness`,
      value: String(swappiness),
      why: "valid are 0 to 100",
    });
  writes.always("memory", "memory.swappiness", swappiness, `${clause}.swappiness`);
}

/** `swap` counts memory too. @throws {InvalidLimit} in runc's words */
export function refuseLessSwap({ limit = 0, swap = 0 }: MemoryResources): void {
  if (limit <= 0 || swap <= 0 || swap >= limit) return;
  const why = "memory+swap limit should be >= memory limit";
  throw new InvalidLimit({ clause: "linux.resources.memory.swap", value: String(swap), why });
}

function addBlockIO(writes: Writes, blockIO: BlockIOResources): void {
  const clause = "linux.resources.blockIO";
  /** The file is CFQ's or, on newer kernels, BFQ's. */
  const weight = (value: string, file: string, field: string): void => {
    const bfq = writes.at("blkio", `blkio.bfq.${file}`, value, `${clause}.${field}`);
    writes.always("blkio", `blkio.${file}`, value, `${clause}.${field}`, { ENOENT: bfq });
  };
  if (blockIO.weight) weight(String(blockIO.weight), "weight", "weight");
  writes.add("blkio", "blkio.leaf_weight", blockIO.leafWeight, `${clause}.leafWeight`);
  for (const device of blockIO.weightDevice ?? []) {
    const numbers = `${device.major}:${device.minor}`;
    if (device.weight) weight(`${numbers} ${device.weight}`, "weight_device", "weightDevice");
    if (device.leafWeight)
      writes.always(
        "blkio",
        "blkio.leaf_weight_device",
        `${numbers} ${device.leafWeight}`,
        `${clause}.weightDevice`,
      );
  }
  for (const [field, file] of THROTTLES)
    for (const { major, minor, rate } of blockIO[field] ?? [])
      writes.always("blkio", `blkio.throttle.${file}`, `${major}:${minor} ${rate}`, `${clause}.${field}`);
}

const THROTTLES = [
  ["throttleReadBpsDevice", "read_bps_device"],
  ["throttleWriteBpsDevice", "write_bps_device"],
  ["throttleReadIOPSDevice", "read_iops_device"],
  ["throttleWriteIOPSDevice", "write_iops_device"],
] as const;

/** 0 would forbid even the first process; runc and systemd make it 1. */
export function pidsMax(limit: Integer64): string {
  return limit > 0 ? String(limit) : limit < 0 ? "max" : "1";
}

/** `mlx5_0 hca_handle=2 hca_object=max`. */
export function rdmaMax(device: string, limit: { hcaHandles?: number; hcaObjects?: number }): string {
  return `${device} hca_handle=${limit.hcaHandles ?? "max"} hca_object=${limit.hcaObjects ?? "max"}`;
}

/** A page size becomes part of a file's name. @throws {InvalidLimit} */
export function fileNamePart(text: string, clause: string): string {
  if (/^[1-9]\d*[KMGTPE]B$/.test(text)) return text;
  throw new InvalidLimit({ clause, value: JSON.stringify(text), why: "a page size is written as 2MB" });
}

/** The writes that give a new cgroup exactly `policy`. @throws {ControllerMissing} */
export function devicesV1(policy: DevicePolicy, paths: CgroupPaths): readonly CgroupWrite[] {
  const clause = "linux.resources.devices";
  const writes = new Writes(paths);
  const file = (allow: boolean): string => (allow ? "devices.allow" : "devices.deny");
  writes.always("devices", file(policy.allowsByDefault), "a", clause);
  for (const exception of policy.exceptions)
    writes.always("devices", file(!policy.allowsByDefault), encodeDeviceException(exception), clause);
  return writes.all;
}
