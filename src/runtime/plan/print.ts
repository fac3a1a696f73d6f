/** A plan for people: every record as the call that it is, with the clause that asks for it. */
import { constants } from "node:os";
import type { SystemCall } from "../../sys/index.ts";
import { flagNames } from "./flag-names.ts";
import { SYNC_CODES } from "./host-step.ts";
import {
  DataRef,
  type Operand,
  type Plan,
  type PlanRecord,
  Register,
  type Rules,
  type Slot,
} from "./plan.ts";

const COLUMN = 44;

/** The whole plan: sections as headings, records numbered, host steps with an arrow. At most 100 columns where it can be. */
export function printPlan(plan: Plan): string {
  const lines: string[] = [];
  let heading: object | undefined;
  for (const step of plan.steps) {
    const section = step.kind === "record" ? step.record.section : step.section;
    if (section !== heading) {
      lines.push(`${section.field.padEnd(COLUMN)}${section.clause}`);
      heading = section;
    }
    if (step.kind === "record")
      lines.push(`  ${String(step.index).padStart(4)}  ${printRecord(step.record)}`);
    else lines.push(`     ->  ${printHostStep(step.step)}`);
  }
  if (plan.slots.length > 0)
    lines.push(
      "",
      "inherited",
      ...plan.slots.map((slot, index) => `  ${String(5 + index).padStart(4)}  ${printSlot(slot)}`),
    );
  return `${lines.join("\n")}\n`;
}

/** `openat2("proc")` and so on: the call and what tells it apart, for an error. */
export function describeRecord(record: PlanRecord): string {
  if (record.kind !== "call") return record.kind;
  const texts = record.args.filter(
    (operand) => operand instanceof DataRef && operand.shows.startsWith('"') && operand.shows !== '""',
  );
  return texts.length === 0
    ? record.call
    : `${record.call} ${texts.map((operand) => (operand as DataRef).shows).join(" ")}`;
}

function printRecord(record: PlanRecord): string {
  switch (record.kind) {
    case "call": {
      const args = record.args.map((operand, index) => printArgument(record.call, index, operand)).join(", ");
      const result = record.result === undefined ? "" : `r${record.result.number} = `;
      return `${result}${record.call}(${args})${printRules(record.on)}`;
    }
    case "move":
      return `r${record.result.number} = ${printOperand(record.value)}`;
    case "load":
      return `r${record.result.number} = ${record.data.shows} (${record.size} bytes)`;
    case "store":
      return `${record.data.shows} = ${printOperand(record.value)} (${record.size} bytes)`;
    case "jump":
      return record.mask === 0n
        ? `goto ${record.to.at}`
        : `goto ${record.to.at} if (r${record.register.number} & 0x${record.mask.toString(16)}) ${record.compare} ${record.value}`;
    case "sync": {
      const name = Object.entries(SYNC_CODES).find(([, code]) => code === record.code)?.[0] ?? record.code;
      const passed = [...record.values, ...record.descriptors].map(printOperand).join(", ");
      return `SYNC ${name}${passed === "" ? "" : ` (${passed})`}`;
    }
    case "fail":
      return `FAIL ${printErrno(record.errno)}`;
    case "exit":
      return `EXIT ${record.status}`;
  }
}

function printErrno(operand: Operand): string {
  return (
    Object.entries(constants.errno).find(([, number]) => number === operand)?.[0] ?? printOperand(operand)
  );
}

function printRules(rules: Rules | undefined): string {
  if (rules === undefined) return "";
  return Object.entries(rules)
    .map(([errno, to]) => `  ${errno}: ${to === "next" ? "go on" : `goto ${to.at}`}`)
    .join("");
}

function printArgument(call: SystemCall, index: number, operand: Operand): string {
  return (typeof operand === "number" ? flagNames(call, index, operand) : undefined) ?? printOperand(operand);
}

function printOperand(operand: Operand): string {
  if (operand instanceof Register) return `r${operand.number}`;
  return operand instanceof DataRef ? operand.shows : String(operand);
}

function printHostStep(step: { readonly kind: string }): string {
  const { kind, ...rest } = step;
  const details = Object.entries(rest).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `parent: ${[kind, ...details].join(" ")}`;
}

function printSlot(slot: Slot): string {
  switch (slot.kind) {
    case "file":
      return `open(${JSON.stringify(slot.path)}, ${slot.flags})`;
    case "tree":
      return `open_tree(${JSON.stringify(slot.path)}, OPEN_TREE_CLONE${slot.recursive ? "|AT_RECURSIVE" : ""})`;
    case "pidfd":
      return `pidfd_open(${slot.pid})`;
    case "inherited":
      return `descriptor ${slot.descriptor} of the caller`;
  }
}
