/**
 * Limits as properties of a unit, so that systemd, when it writes to the unit's cgroup again, writes what the container has.
 * What has no property is in the cgroup's files alone.
 * Source: systemd.resource-control(5); which property for what: runc.
 */
import type { Integer64, Resources } from "../../../spec/index.ts";
import { MAX_CPUS, parseNumberList } from "../../number-list.ts";
import { InvalidLimit } from "../v1.ts";
import { cpuWeight, swapMax } from "../v2.ts";
import type { Value } from "./marshal.ts";
import { INFINITY, type Property, property } from "./property.ts";

/** Versions of systemd since which a property is there. */
const SINCE = { CPUQuotaPeriodUSec: 242, AllowedCPUs: 244, idle: 252, OOMPolicy: 253 } as const;
const DEFAULT_PERIOD = 100_000n;

/** For a unit on cgroup v1. @param version  systemd's. */
export function limitPropertiesV1(resources: Resources, version: number): Property[] {
  const { cpu = {}, memory = {}, blockIO = {} } = resources;
  return [
    ...number("MemoryLimit", memory.limit),
    ...number("CPUShares", cpu.shares),
    ...cpuQuota(cpu.quota, cpu.period, version),
    ...number("BlockIOWeight", blockIO.weight),
    ...tasksMax(resources),
    ...cpusets(cpu.cpus, cpu.mems, version),
  ];
}

/** For a unit on cgroup v2. @throws {InvalidLimit} */
export function limitPropertiesV2(resources: Resources, version: number): Property[] {
  const { cpu = {}, memory = {}, unified = {} } = resources;
  const swap = swapMax(memory);
  // systemd knows an idle cgroup as one of weight 0.
  const isIdle = Number(cpu.idle) === 1 && version >= SINCE.idle;
  return [
    ...number("MemoryMax", memory.limit),
    ...number("MemoryLow", memory.reservation),
    ...(swap === undefined ? [] : [property("MemorySwapMax", "t", parseMax(swap, "memory.swap"))]),
    ...(isIdle ? [property("CPUWeight", "t", 0n)] : []),
    ...(cpu.shares && !isIdle ? [property("CPUWeight", "t", cpuWeight(Number(cpu.shares)))] : []),
    ...cpuQuota(cpu.quota, cpu.period, version),
    ...tasksMax(resources),
    ...cpusets(cpu.cpus, cpu.mems, version),
    ...Object.entries(unified).flatMap(([file, value]) =>
      unifiedProperties(file, value.trim(), unified, version),
    ),
  ];
}

/** What can only be said when the unit starts. */
export function startProperties({ unified = {} }: Resources, version: number): Property[] {
  const policy = { 0: "continue", 1: "kill" }[unified["memory.oom.group"]?.trim() ?? ""];
  return policy !== undefined && version >= SINCE.OOMPolicy ? [property("OOMPolicy", "s", policy)] : [];
}

/** systemd counts quotas in whole percent of a CPU: rounded up to that, so that file and unit say the same. */
export function withRoundQuota(resources: Resources): Resources {
  const { cpu } = resources;
  if (cpu?.quota === undefined || cpu.quota <= 0) return resources;
  const period = cpu.period ? BigInt(cpu.period) : DEFAULT_PERIOD;
  const perSecond = quotaPerSecond(BigInt(cpu.quota), period);
  return { ...resources, cpu: { ...cpu, quota: (perSecond * period) / 1_000_000n } };
}

const PERCENT = 10_000n;

function quotaPerSecond(quota: bigint, period: bigint): bigint {
  const exact = (quota * 1_000_000n) / period;
  return ((exact + PERCENT - 1n) / PERCENT) * PERCENT;
}

function number(name: string, value: Integer64 | undefined): Property[] {
  return value ? [property(name, "t", BigInt.asUintN(64, BigInt(value)))] : [];
}

function cpuQuota(quota: Integer64 = 0, period: Integer64 = 0, version = 0): Property[] {
  if (!quota && !period) return [];
  const perSecond =
    quota > 0 ? quotaPerSecond(BigInt(quota), period ? BigInt(period) : DEFAULT_PERIOD) : INFINITY;
  return [
    ...(version >= SINCE.CPUQuotaPeriodUSec ? number("CPUQuotaPeriodUSec", period) : []),
    property("CPUQuotaPerSecUSec", "t", perSecond),
  ];
}

function tasksMax({ pids }: Resources): Property[] {
  if (pids?.limit === undefined) return [];
  // systemd takes no 0, and the one process is there anyway.
  const most = pids.limit < 0 ? INFINITY : BigInt(pids.limit) || 1n;
  return [property("TasksMax", "t", most)];
}

function cpusets(cpus: string | undefined, mems: string | undefined, version: number): Property[] {
  if (version < SINCE.AllowedCPUs) return [];
  return [
    ...(cpus ? [property("AllowedCPUs", "ay", bitsOf(cpus, "linux.resources.cpu.cpus"))] : []),
    ...(mems ? [property("AllowedMemoryNodes", "ay", bitsOf(mems, "linux.resources.cpu.mems"))] : []),
  ];
}

/** `1,3-5` as bytes of bits, the lowest first, up to the last that has one. As with runc, commas may be too many. @throws {InvalidLimit} */
export function bitsOf(list: string, clause: string): Value[] {
  const parts = list.split(",").filter((part) => part.trim() !== "");
  const mask = parseNumberList(parts.join(","), MAX_CPUS);
  const last = mask?.findLastIndex((byte) => byte !== 0) ?? -1;
  if (mask !== undefined && last >= 0) return [...mask.subarray(0, last + 1)];
  const why = `it is no list of numbers below ${MAX_CPUS}, like 0-3,7`;
  throw new InvalidLimit({ clause, value: JSON.stringify(list), why });
}

const UNIFIED: Readonly<Record<string, string>> = {
  "memory.high": "MemoryHigh",
  "memory.low": "MemoryLow",
  "memory.min": "MemoryMin",
  "memory.max": "MemoryMax",
  "memory.swap.max": "MemorySwapMax",
  "cpuset.cpus": "AllowedCPUs",
  "cpuset.mems": "AllowedMemoryNodes",
};

/** What systemd has a property for, of the files that the document names; others are written all the same. */
function unifiedProperties(
  file: string,
  value: string,
  all: Readonly<Record<string, string>>,
  version: number,
): Property[] {
  const clause = `unified[${JSON.stringify(file)}]`;
  const isIdle = all["cpu.idle"]?.trim() === "1" && version >= SINCE.idle;
  const name = UNIFIED[file] ?? "";
  switch (file) {
    case "cpu.idle":
      return isIdle ? [property("CPUWeight", "t", 0n)] : [];
    case "cpu.weight":
      return isIdle ? [] : [property("CPUWeight", "t", parseMax(value, clause))];
    case "cpu.max": {
      const [quota = "max", period = String(DEFAULT_PERIOD)] = value.split(/\s+/);
      const most = quota === "max" ? 0n : parseMax(quota, clause);
      return cpuQuota(most, parseMax(period, clause), version);
    }
    case "cpuset.cpus":
    case "cpuset.mems":
      return version >= SINCE.AllowedCPUs
        ? [property(name, "ay", bitsOf(value, `linux.resources.${clause}`))]
        : [];
    case "pids.max":
      return [property("TasksMax", "t", parseMax(value, clause) || 1n)];
    default:
      return name === "" ? [] : [property(name, "t", parseMax(value, clause))];
  }
}

/** A number, or `max`. @throws {InvalidLimit} */
function parseMax(text: string, field: string): bigint {
  if (text === "max") return INFINITY;
  if (!/^\d{1,20}$/.test(text))
    throw new InvalidLimit({
      clause: `linux.resources.${field}`,
      value: JSON.stringify(text),
      why: "it is not a number",
    });
  return BigInt(text);
}
