/**
 * Limits as cgroup v2 files, with v1's units converted. What v2 has no file for is left out, as runc leaves it out:
 * memory.swappiness, disableOOMKiller and useHierarchy, cpu.realtime*, blockIO.leafWeight, network.
 * Source: config-linux.md, control groups; kernel admin-guide/cgroup-v2.rst; for the conversions crun.1.md, which runc shares.
 */
import type {
  BlockIOResources,
  CPUResources,
  Integer64,
  MemoryResources,
  Resources,
} from "../../spec/index.ts";
import { fileNamePart, InvalidLimit, pidsMax, rdmaMax, refuseLessSwap } from "./v1.ts";
import type { CgroupWrite, CgroupWriteRule } from "./write.ts";

/** The writes for `resources`, without devices. @param directory  The container's cgroup. @throws {InvalidLimit} */
export function limitsV2(resources: Resources, directory: string): readonly CgroupWrite[] {
  const all: CgroupWrite[] = [];
  const add: Add = (file, value, clause, onError) => {
    const controller = file.slice(0, file.indexOf("."));
    const write = { controller, path: `${directory}/${file}`, value: String(value), clause };
    all.push(onError === undefined ? write : { ...write, onError });
  };
  const { cpu, memory, pids, blockIO, hugepageLimits, rdma, unified } = resources;
  if (pids?.limit !== undefined) add("pids.max", pidsMax(pids.limit), "linux.resources.pids.limit");
  if (memory !== undefined) addMemory(add, memory);
  if (blockIO !== undefined) addBlockIO(add, blockIO, directory);
  if (cpu !== undefined) addCPU(add, cpu);
  for (const { pageSize, limit } of hugepageLimits ?? []) {
    const clause = "linux.resources.hugepageLimits";
    add(`hugetlb.${fileNamePart(pageSize, clause)}.max`, limit, clause);
    add(`hugetlb.${pageSize}.rsvd.max`, limit, clause, { ENOENT: "ignore" });
  }
  for (const [device, limit] of Object.entries(rdma ?? {}))
    add("rdma.max", rdmaMax(device, limit), "linux.resources.rdma");
  // Last: what is asked for literally wins over what was converted.
  for (const [file, value] of Object.entries(unified ?? {})) addUnified(add, file, value);
  return all;
}

type Add = (
  file: string,
  value: Integer64 | string,
  clause: string,
  onError?: Readonly<Record<string, CgroupWriteRule>>,
) => void;

const RETRY = { EINVAL: "retry" } as const;

function addMemory(add: Add, memory: MemoryResources): void {
  const clause = "linux.resources.memory";
  const limit = Number(memory.limit ?? 0);
  const reservation = Number(memory.reservation ?? 0);
  const swap = swapMax(memory);
  // A kernel without swap already does what "max" and "0" ask for.
  if (swap !== undefined)
    add(
      "memory.swap.max",
      swap,
      `${clause}.swap`,
      swap === "max" || swap === "0" ? { ENOENT: "ignore" } : undefined,
    );
  if (limit !== 0) add("memory.max", orMax(memory.limit ?? 0), `${clause}.limit`);
  if (reservation !== 0) add("memory.low", orMax(memory.reservation ?? 0), `${clause}.reservation`);
}

/** `swap` counts memory too, memory.swap.max does not. */
export function swapMax({ limit = 0, swap = 0 }: MemoryResources): string | undefined {
  const memory = BigInt(limit);
  const both = BigInt(swap);
  const refuse = (why: string): never => {
    throw new InvalidLimit({ clause: "linux.resources.memory.swap", value: String(swap), why });
  };
  if (memory === -1n && both === 0n) return "max";
  if (both === 0n) return undefined;
  if (both === -1n) return "max";
  if (memory === -1n) return String(both);
  if (memory === 0n) return refuse("unable to set swap limit without memory limit");
  if (memory < 0n) return refuse(`invalid memory value: ${memory}`);
  refuseLessSwap({ limit, swap });
  return String(both - memory);
}

function orMax(value: Integer64): string {
  return Number(value) === -1 ? "max" : String(value);
}

function addCPU(add: Add, cpu: CPUResources): void {
  const clause = "linux.resources.cpu";
  const { shares, quota, period, burst, idle, cpus, mems } = cpu;
  if (idle !== undefined) add("cpu.idle", idle, `${clause}.idle`);
  if (shares) add("cpu.weight", cpuWeight(Number(shares)), `${clause}.shares`);
  // A period without a quota: the file takes no other form, and there is nothing to keep of a quota that was not asked for.
  const most = quota !== undefined && quota > 0 ? String(quota) : "max";
  if (quota || period) add("cpu.max", period ? `${most} ${period}` : most, `${clause}.quota`, RETRY);
  if (burst !== undefined) add("cpu.max.burst", burst, `${clause}.burst`, RETRY);
  if (cpus) add("cpuset.cpus", cpus, `${clause}.cpus`);
  if (mems) add("cpuset.mems", mems, `${clause}.mems`);
}

/** Shares 2 … 1024 … 262144 to weight 1 … 100 … 10000: the curve that meets all three. */
export function cpuWeight(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const log = Math.log2(shares);
  return Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34));
}

function addBlockIO(add: Add, blockIO: BlockIOResources, directory: string): void {
  const clause = "linux.resources.blockIO";
  const { weight, weightDevice } = blockIO;
  /** BFQ's file has v1's range; the other, of the cost model, has its own. */
  const addWeight = (value: number, field: string, device = ""): void => {
    const instead = {
      controller: "io",
      path: `${directory}/io.weight`,
      value: `${device}${ioWeight(value)}`,
      clause: field,
    };
    add("io.bfq.weight", `${device}${value}`, field, { ENOENT: instead });
  };
  if (weight) addWeight(weight, `${clause}.weight`);
  for (const device of weightDevice ?? [])
    if (device.weight) addWeight(device.weight, `${clause}.weightDevice`, `${device.major}:${device.minor} `);
  // 0 lifts the limit, as it does on v1.
  for (const [field, key] of THROTTLES)
    for (const { major, minor, rate } of blockIO[field] ?? [])
      add("io.max", `${major}:${minor} ${key}=${Number(rate) === 0 ? "max" : rate}`, `${clause}.${field}`);
}

const THROTTLES = [
  ["throttleReadBpsDevice", "rbps"],
  ["throttleWriteBpsDevice", "wbps"],
  ["throttleReadIOPSDevice", "riops"],
  ["throttleWriteIOPSDevice", "wiops"],
] as const;

/** 10 … 1000 to 1 … 10000. */
export function ioWeight(weight: number): number {
  return 1 + Math.floor(((weight - 10) * 9999) / 990);
}

/** Source: config-linux.md, unified. */
function addUnified(add: Add, file: string, value: string): void {
  const clause = `linux.resources.unified[${JSON.stringify(file)}]`;
  const refuse = (why: string): never => {
    throw new InvalidLimit({ clause, value: JSON.stringify(value), why });
  };
  if (file.includes("/")) refuse("the key must be a file name (no slashes)");
  if (file.indexOf(".") < 1) refuse("the key must be in the form CONTROLLER.PARAMETER");
  // Files such as io.max take one line each write.
  for (const line of value.split("\n")) if (line !== "" || value === "") add(file, line, clause);
}
