/** A plan for people: every record as the call that it is, with the clause that asks for it. */
import { type Architecture, errnoName, architecture as ours } from "../../sys/index.ts";
import { type PlanRecord, recordAt } from "./decode.ts";
import { flagNames } from "./flag-names.ts";
import { type HostStep, SYNC_CODES } from "./host-step.ts";
import { DataRef, FIRST_SLOT, type Operand, type Plan, Register, type Slot, sectionOf } from "./plan.ts";

const CLAUSE_COLUMN = 48;

/** One step of a plan in words. */
export interface PlanStep {
  readonly field: string;
  readonly clause: string;
  /** 0: the plan that init starts with; 1: the half that it is sent while it works. */
  readonly segment: number;
  /** Its number in the segment; none: the parent's step, while init waits at the record before. */
  readonly record?: number;
  /** The name of the system call, where the record is one. */
  readonly call?: string;
  readonly text: string;
}

type WholePlan = Plan & { readonly rest?: () => Plan };

/**
 * The steps of the whole plan in their order.
 * @param jumps  How a jump's target is told: by its record, or by its place in its section, which stays when others change.
 */
export function planSteps(
  plan: WholePlan,
  options: { architecture?: Architecture; jumps?: "record" | "section" } = {},
): PlanStep[] {
  const halves = [plan, plan.rest?.()].filter((half) => half !== undefined);
  return halves.flatMap((half, segment) =>
    stepsOf(half, segment, options.architecture ?? ours, options.jumps),
  );
}

function stepsOf(
  plan: Plan,
  segment: number,
  architecture: Architecture,
  jumps: "record" | "section" = "record",
): PlanStep[] {
  const steps: PlanStep[] = [];
  const host = (after: (at: number) => boolean): void => {
    for (const { step, section, after: at } of plan.hostSteps)
      if (after(at))
        steps.push({ field: section.field, clause: section.clause, segment, text: printHostStep(step) });
  };
  host((at) => at < 0);
  for (let record = 0; record < plan.count; record++) {
    const { field, clause } = sectionOf(plan, record) ?? { field: "", clause: "" };
    const target = (to: number): string => (jumps === "record" ? `${to}` : placeInSection(plan, to));
    const decoded = recordAt(plan, record, architecture);
    const text = printRecord(plan, decoded, target);
    steps.push({
      field,
      clause,
      segment,
      record,
      ...(decoded.op === "call" && { call: decoded.call }),
      text,
    });
    host((at) => at === record);
  }
  return steps;
}

function placeInSection(plan: Plan, record: number): string {
  const { field, from } = sectionOf(plan, record) ?? { field: "", from: 0 };
  return `${field}+${record - from}`;
}

/** The whole plan: sections as headings, records numbered, host steps with an arrow. The second half comes as a segment. */
export function printPlan(plan: WholePlan, architecture: Architecture = ours): string {
  const steps = planSteps(plan, { architecture });
  const first = printOne(
    steps.filter(({ segment }) => segment === 0),
    plan.slots,
  );
  const rest = plan.rest?.();
  return rest === undefined
    ? first
    : `${first}\nsegment\n${printOne(
        steps.filter(({ segment }) => segment === 1),
        rest.slots,
      )}`;
}

function printOne(steps: readonly PlanStep[], slots: readonly Slot[]): string {
  const lines = [];
  let heading = "";
  for (const { field, clause, record, text } of steps) {
    if (record === undefined) {
      lines.push(`    ->  ${text}`);
      continue;
    }
    const section = `${field.padEnd(CLAUSE_COLUMN)}  ${clause}`;
    if (section !== heading) lines.push(section);
    heading = section;
    lines.push(`${String(record).padStart(6)}  ${text}`);
  }
  if (slots.length > 0) lines.push("inherited descriptors");
  slots.forEach((slot, index) => {
    lines.push(`${String(FIRST_SLOT + index).padStart(6)}  ${printSlot(slot)}`);
  });
  return `${lines.join("\n")}\n`;
}

/** `openat2 "proc"`: the call and the texts that tell it from others, for an error. */
export function describeRecord(plan: Plan, record: PlanRecord): string {
  if (record.op !== "call") return record.op;
  const texts = record.args
    .filter((operand) => operand instanceof DataRef)
    .map((operand) => printData(plan, operand));
  return [record.call, ...texts.filter((text) => text.startsWith('"') && text !== '""')].join(" ");
}

function printRecord(plan: Plan, record: PlanRecord, target: (to: number) => string): string {
  const operand = (value: Operand): string => printOperand(plan, value);
  switch (record.op) {
    case "call": {
      const { call, result, rules } = record;
      const last = record.args.findLastIndex((argument) => argument !== 0);
      const args = record.args
        .slice(0, last + 1)
        .map((argument, index) => flagNames(call, index, argument) ?? operand(argument));
      const leads = rules.map(
        ({ errno, to }) =>
          `  ${errno === "*" ? "any error" : errno}: ${to === "next" ? "go on" : `to ${target(to)}`}`,
      );
      return `${result === undefined ? "" : `r${result} = `}${call}(${args.join(", ")})${leads.join("")}`;
    }
    case "move":
      return `r${record.result} = ${operand(record.value)}`;
    case "load":
      return `r${record.result} = data[${record.offset}], ${record.size} bytes`;
    case "store":
      return `data[${record.offset}], ${record.size} bytes = ${operand(record.value)}`;
    case "jump":
      return record.mask === 0n
        ? `to ${target(record.to)}`
        : `to ${target(record.to)} if (r${record.register} & 0x${record.mask.toString(16)}) ${record.compare} 0x${record.value.toString(16)}`;
    case "sync": {
      const name = Object.entries(SYNC_CODES).find(([, code]) => code === record.code)?.[0] ?? record.code;
      const sent = [
        ...record.values.filter((value) => value !== 0),
        ...record.descriptors.filter((value) => value !== -1),
      ];
      return `SYNC ${name}${sent.length === 0 ? "" : `(${sent.map(operand).join(", ")})`}`;
    }
    case "fail":
      return `FAIL ${typeof record.errno === "number" ? errnoName(record.errno) : operand(record.errno)}`;
    case "exit":
      return `EXIT ${operand(record.status)}`;
  }
}

function printOperand(plan: Plan, operand: Operand): string {
  if (operand instanceof Register) return `r${operand.number}`;
  return operand instanceof DataRef ? printData(plan, operand) : String(operand);
}

function printData(plan: Plan, { offset }: DataRef): string {
  const shows = plan.shows.get(offset);
  if (shows !== undefined) return shows;
  return JSON.stringify(new TextDecoder().decode(plan.data.subarray(offset, plan.data.indexOf(0, offset))));
}

function printHostStep({ kind, ...rest }: HostStep): string {
  const details = Object.entries(rest).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `the parent: ${[kind, ...details].join(" ")}`;
}

function printSlot(slot: Slot): string {
  switch (slot.kind) {
    case "file":
      return `open(${JSON.stringify(slot.path)}, ${slot.flags})`;
    case "pidfd":
      return `pidfd_open(${slot.pid})`;
    case "namespace":
      return `open(${JSON.stringify(slot.path)}), a ${slot.type} namespace`;
    case "procfs":
      return "fsmount(proc)";
    case "inherited":
      return `descriptor ${slot.descriptor} of the caller`;
  }
}
