/**
 * What the kernel's schedulers and the memory allocator are told of a process, and what kind of machine it sees.
 * Source: runtime-spec config.md, process.scheduler, ioPriority, execCPUAffinity; config-linux.md, Memory policy,
 * Personality; sched_setattr(2), ioprio_set(2), sched_setaffinity(2), set_mempolicy(2), personality(2).
 */
import type { CPUAffinity, IOPriority, Linux, MemoryPolicy, Process, Scheduler } from "../../spec/index.ts";
import { MAX_CPUS, MAX_NODES, parseNumberList } from "../number-list.ts";
import type { PlanBuilder } from "../plan/builder.ts";

/** In the order of their numbers. Source: linux/sched.h. */
export const SCHEDULER_POLICIES: readonly string[] = [
  "SCHED_OTHER",
  "SCHED_FIFO",
  "SCHED_RR",
  "SCHED_BATCH",
  "SCHED_ISO",
  "SCHED_IDLE",
  "SCHED_DEADLINE",
];
/** Each is the next bit. */
export const SCHEDULER_FLAGS: readonly string[] = [
  "SCHED_FLAG_RESET_ON_FORK",
  "SCHED_FLAG_RECLAIM",
  "SCHED_FLAG_DL_OVERRUN",
  "SCHED_FLAG_KEEP_POLICY",
  "SCHED_FLAG_KEEP_PARAMS",
  "SCHED_FLAG_UTIL_CLAMP_MIN",
  "SCHED_FLAG_UTIL_CLAMP_MAX",
];
/** From 1 on. Source: linux/ioprio.h. */
export const IO_CLASSES: readonly string[] = ["IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"];
/** In the order of their numbers. Source: linux/mempolicy.h. */
export const MEMORY_POLICY_MODES: readonly string[] = [
  "MPOL_DEFAULT",
  "MPOL_PREFERRED",
  "MPOL_BIND",
  "MPOL_INTERLEAVE",
  "MPOL_LOCAL",
  "MPOL_PREFERRED_MANY",
  "MPOL_WEIGHTED_INTERLEAVE",
];
/** From bit 13 on. */
export const MEMORY_POLICY_FLAGS: readonly string[] = [
  "MPOL_F_NUMA_BALANCING",
  "MPOL_F_RELATIVE_NODES",
  "MPOL_F_STATIC_NODES",
];

/** `struct sched_attr`, as long as Linux 5.3 knows it. */
const SCHED_ATTR_BYTES = 56;
const IOPRIO_WHO_PGRP = 2;
const IOPRIO_CLASS_SHIFT = 13;
const FIRST_MEMORY_FLAG = 13;
const PER_LINUX32 = 8;

/** Everything but the CPUs, late: what it slows down is the program, not its making. */
export function compileScheduling(
  plan: PlanBuilder,
  { scheduler, ioPriority }: Pick<Process, "scheduler" | "ioPriority">,
  { personality, memoryPolicy }: Pick<Linux, "personality" | "memoryPolicy">,
): void {
  if (scheduler !== undefined) {
    plan.section("process.scheduler", "config.md, process.scheduler");
    plan.call("sched_setattr", [0, plan.bytes(encodeScheduler(scheduler), scheduler.policy), 0]);
  }
  if (ioPriority !== undefined) {
    plan.section("process.ioPriority", "config.md, process.ioPriority");
    plan.call("ioprio_set", [IOPRIO_WHO_PGRP, 0, encodeIOPriority(ioPriority)]);
  }
  if (personality !== undefined) {
    plan.section("linux.personality", "config-linux.md, Personality");
    plan.call("personality", [personality.domain === "LINUX32" ? PER_LINUX32 : 0]);
  }
  if (memoryPolicy !== undefined) compileMemoryPolicy(plan, memoryPolicy);
}

function encodeScheduler(scheduler: Scheduler): Uint8Array {
  const { policy, nice = 0, priority = 0, flags = [], runtime = 0, deadline = 0, period = 0 } = scheduler;
  const view = new DataView(new ArrayBuffer(SCHED_ATTR_BYTES));
  view.setUint32(0, SCHED_ATTR_BYTES, true);
  view.setUint32(4, SCHEDULER_POLICIES.indexOf(policy), true);
  view.setBigUint64(8, BigInt(bits(flags, SCHEDULER_FLAGS)), true);
  view.setInt32(16, nice, true);
  view.setUint32(20, priority, true);
  for (const [index, time] of [runtime, deadline, period].entries())
    view.setBigUint64(24 + 8 * index, BigInt(time), true);
  return new Uint8Array(view.buffer);
}

function encodeIOPriority({ class: name, priority }: IOPriority): number {
  return ((IO_CLASSES.indexOf(name) + 1) << IOPRIO_CLASS_SHIFT) | priority;
}

function compileMemoryPolicy(plan: PlanBuilder, { mode, nodes = "", flags = [] }: MemoryPolicy): void {
  plan.section("linux.memoryPolicy", "config-linux.md, Memory policy");
  const number = MEMORY_POLICY_MODES.indexOf(mode) | (bits(flags, MEMORY_POLICY_FLAGS) << FIRST_MEMORY_FLAG);
  const mask = parseNumberList(nodes, MAX_NODES);
  // Without nodes no mask: the modes that take none want a null pointer.
  if (mask?.some((byte) => byte !== 0) !== true) plan.call("set_mempolicy", [number, 0, 0]);
  else plan.call("set_mempolicy", [number, plan.bytes(mask, `{${nodes}}`), MAX_NODES]);
}

/** The CPUs on which an exec'd process may run, once it is in its cgroup. */
export function compileFinalAffinity(plan: PlanBuilder, { final = "" }: CPUAffinity): void {
  const mask = parseNumberList(final, MAX_CPUS);
  if (final === "" || mask === undefined) return;
  plan.section("process.execCPUAffinity.final", "config.md, process.execCPUAffinity");
  plan.call("sched_setaffinity", [0, mask.length, plan.bytes(mask, `{${final}}`)]);
}

/** The names as bits, the first of `known` being the lowest. */
function bits(names: readonly string[], known: readonly string[]): number {
  return names.reduce((sum, name) => sum | (1 << known.indexOf(name)), 0);
}
