/** A plan for people: every record as the call that it is, with the clause that asks for it. */
import { type Architecture, errnoName, architecture as ours } from "../../sys/index.ts";
import { type PlanRecord, recordAt } from "./decode.ts";
import { flagNames } from "./flag-names.ts";
import { type HostStep, SYNC_CODES } from "./host-step.ts";
import { DataRef, FIRST_SLOT, type Operand, type Plan, Register, type Slot, sectionOf } from "./plan.ts";

const CLAUSE_COLUMN = 48;

/** The whole plan: sections as headings, records numbered, host steps with an arrow. The second half comes as a segment. */
export function printPlan(
  plan: Plan & { readonly rest?: () => Plan },
  architecture: Architecture = ours,
): string {
  const rest = plan.rest?.();
  return rest === undefined
    ? printOne(plan, architecture)
    : `${printOne(plan, architecture)}\nsegment\n${printOne(rest, architecture)}`;
}

function printOne(plan: Plan, architecture: Architecture): string {
  const lines = [];
  for (const { step } of plan.hostSteps.filter(({ after }) => after < 0)) lines.push(printHostStep(step));
  let heading: unknown;
  for (let index = 0; index < plan.count; index++) {
    const section = sectionOf(plan, index);
    if (section !== heading && section !== undefined)
      lines.push(`${section.field.padEnd(CLAUSE_COLUMN)}  ${section.clause}`);
    heading = section;
    lines.push(`${String(index).padStart(6)}  ${printRecord(plan, recordAt(plan, index, architecture))}`);
    for (const { step } of plan.hostSteps.filter(({ after }) => after === index))
      lines.push(printHostStep(step));
  }
  if (plan.slots.length > 0) lines.push("inherited descriptors");
  plan.slots.forEach((slot, index) => {
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

function printRecord(plan: Plan, record: PlanRecord): string {
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
          `  ${errno === "*" ? "any error" : errno}: ${to === "next" ? "go on" : `to ${to}`}`,
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
        ? `to ${record.to}`
        : `to ${record.to} if (r${record.register} & 0x${record.mask.toString(16)}) ${record.compare} 0x${record.value.toString(16)}`;
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
  return `    ->  the parent: ${[kind, ...details].join(" ")}`;
}

function printSlot(slot: Slot): string {
  switch (slot.kind) {
    case "file":
      return `open(${JSON.stringify(slot.path)}, ${slot.flags})`;
    case "tree":
      return `open_tree(${JSON.stringify(slot.path)}, OPEN_TREE_CLONE${slot.recursive ? "|AT_RECURSIVE" : ""})${slot.idmap === undefined ? "" : ", its ids mapped"}`;
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
