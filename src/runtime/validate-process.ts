/**
 * What the scheduling fields of a process must mean together. The sentences are runc's.
 * Source: runtime-spec config.md, process.scheduler, ioPriority, execCPUAffinity; config-linux.md, Memory policy.
 */
import type { IOPriority, Linux, Process, Scheduler } from "../spec/index.ts";
import {
  IO_CLASSES,
  MEMORY_POLICY_FLAGS,
  MEMORY_POLICY_MODES,
  SCHEDULER_FLAGS,
  SCHEDULER_POLICIES,
} from "./compile/scheduling.ts";
import { MAX_CPUS, MAX_NODES, parseNumberList } from "./number-list.ts";
import type { ConfigIssue } from "./validate.ts";

/** Scheduler, I/O priority and CPUs of `process`; `field` is its path. */
export function validateScheduling(process: Process, field: string): ConfigIssue[] {
  const { scheduler, ioPriority, execCPUAffinity } = process;
  return [
    ...(scheduler === undefined ? [] : validateScheduler(scheduler, `${field}.scheduler`)),
    ...(ioPriority === undefined ? [] : validateIOPriority(ioPriority, `${field}.ioPriority`)),
    ...(execCPUAffinity === undefined ? [] : validateAffinity(execCPUAffinity, `${field}.execCPUAffinity`)),
  ];
}

function validateAffinity(affinity: NonNullable<Process["execCPUAffinity"]>, field: string): ConfigIssue[] {
  return (["initial", "final"] as const).flatMap((name) => {
    const list = affinity[name] ?? "";
    if (parseNumberList(list, MAX_CPUS) !== undefined) return [];
    const says = `bad CPU affinity: ${JSON.stringify(list)} is not a list of CPUs like 0-3,7`;
    return [{ field: `${field}.${name}`, says }];
  });
}

function validateScheduler(scheduler: Scheduler, field: string): ConfigIssue[] {
  const { policy, nice = 0, priority = 0, flags = [], runtime = 0, deadline = 0, period = 0 } = scheduler;
  const issues: ConfigIssue[] = [];
  if (policy === "") issues.push({ field, says: "scheduler policy is required" });
  else if (!SCHEDULER_POLICIES.includes(policy))
    issues.push({ field, says: `invalid scheduler policy: ${policy}` });
  flags.forEach((flag, index) => {
    if (!SCHEDULER_FLAGS.includes(flag))
      issues.push({ field: `${field}.flags[${index}]`, says: `invalid scheduler flag: ${flag}` });
  });
  if ((policy === "SCHED_OTHER" || policy === "SCHED_BATCH") && (nice < -20 || nice > 19))
    issues.push({ field, says: `invalid scheduler.nice: ${nice} when scheduler.policy is ${policy}` });
  if (priority !== 0 && policy !== "SCHED_FIFO" && policy !== "SCHED_RR")
    issues.push({
      field,
      says: "scheduler.priority can only be specified for SchedFIFO or SchedRR policy",
    });
  if (policy !== "SCHED_DEADLINE" && [runtime, deadline, period].some((time) => Number(time) !== 0))
    issues.push({
      field,
      says: "scheduler runtime/deadline/period can only be specified for SchedDeadline policy",
    });
  return issues;
}

const MAX_IO_PRIORITY = 7;

function validateIOPriority({ class: name, priority }: IOPriority, field: string): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  if (priority < 0 || priority > MAX_IO_PRIORITY)
    issues.push({ field, says: `invalid ioPriority.Priority: ${priority}` });
  if (!IO_CLASSES.includes(name))
    issues.push({ field, says: `invalid ioPriority.Class: ${JSON.stringify(name)}` });
  return issues;
}

/** `linux.memoryPolicy`. Source: config-linux.md, Memory policy; set_mempolicy(2). */
export function validateMemoryPolicy({ memoryPolicy }: Linux): ConfigIssue[] {
  if (memoryPolicy === undefined) return [];
  const field = "linux.memoryPolicy";
  const { mode, nodes = "", flags = [] } = memoryPolicy;
  const issues: ConfigIssue[] = [];
  if (!MEMORY_POLICY_MODES.includes(mode))
    issues.push({ field: `${field}.mode`, says: `invalid memory policy mode ${JSON.stringify(mode)}` });
  flags.forEach((flag, index) => {
    if (!MEMORY_POLICY_FLAGS.includes(flag))
      issues.push({
        field: `${field}.flags[${index}]`,
        says: `invalid memory policy flag ${JSON.stringify(flag)}`,
      });
  });
  if (flags.includes("MPOL_F_STATIC_NODES") && flags.includes("MPOL_F_RELATIVE_NODES"))
    issues.push({
      field: `${field}.flags`,
      says: "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other",
    });
  const mask = parseNumberList(nodes, MAX_NODES);
  if (mask === undefined)
    return [
      ...issues,
      { field: `${field}.nodes`, says: `invalid memory policy nodes ${JSON.stringify(nodes)}` },
    ];
  const count = mask.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0);
  const isEmpty = count === 0;
  if (WITHOUT_NODES.has(mode) && !isEmpty)
    issues.push({
      field: `${field}.nodes`,
      says: `${mode}: memory policy mode requires 0 nodes but got ${count}`,
    });
  if (WITH_NODES.has(mode) && isEmpty)
    issues.push({
      field: `${field}.nodes`,
      says: `${mode}: memory policy mode requires at least one node but got 0`,
    });
  return issues;
}

const WITHOUT_NODES = new Set(["MPOL_DEFAULT", "MPOL_LOCAL"]);
const WITH_NODES = new Set([
  "MPOL_BIND",
  "MPOL_INTERLEAVE",
  "MPOL_PREFERRED_MANY",
  "MPOL_WEIGHTED_INTERLEAVE",
]);
