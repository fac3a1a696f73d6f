/**
 * The plan: what a container is made of, as data. One ordered list of two kinds of step: records, system calls that
 * native/init.c makes, and host steps, which TypeScript carries out on the outside. Records are held as init reads
 * them, so what is printed is what is run; `recordAt` (decode.ts) shows one as an object.
 */
import type { NamespaceType } from "../../spec/index.ts";
import type { ErrnoName } from "../../sys/index.ts";
import type { HostStep } from "./host-step.ts";

/** One of init's 64 registers. Register 0 names the descriptor for SYNC and failures. */
export class Register {
  readonly number: number;
  constructor(number: number) {
    this.number = number;
  }
}

/** A place in the plan's data; as an argument it becomes an address. */
export class DataRef {
  readonly offset: number;
  constructor(offset: number) {
    this.offset = offset;
  }
}

/** A record that others lead to. */
export class Label {
  /** Index of the record; -1 until placed. */
  at = -1;
}

/** An argument of a record. */
export type Operand = number | bigint | Register | DataRef;

/** Where a failed call leads: on to the next record, or to a label. Without a rule it is the end. */
export type Target = "next" | Label;
/** By errno name; "*" is any. At most four, the first that matches counts. */
export type Rules = Readonly<Partial<Record<ErrnoName | "*", Target>>>;

/** What a group of records is for: the field of config.json and the clause that asks for it. */
export interface Section {
  /** For instance `mounts[0] /proc`. */
  readonly field: string;
  /** For instance `config.md, Mounts`. */
  readonly clause: string;
  /** Its first record. */
  readonly from: number;
}

/** A host step, done while init waits at the SYNC that is record `after`; -1: before init is there. */
export interface PlacedHostStep {
  readonly after: number;
  readonly section: Section;
  readonly step: HostStep;
}

/** A descriptor that init inherits, by what the spawner has to open for it. */
export type Slot =
  | { readonly kind: "file"; readonly path: string; readonly flags: "read" | "write" | "path" | "fifo" }
  /** Of the process that began at `startTime`, not of a later one with its pid. */
  | { readonly kind: "pidfd"; readonly pid: number; readonly startTime: string }
  /** Of the parent's PID namespace, attached nowhere. */
  | { readonly kind: "procfs" }
  | {
      readonly kind: "namespace";
      readonly path: string;
      readonly type: NamespaceType;
      readonly field: string;
    }
  | { readonly kind: "inherited"; readonly descriptor: number };

/** A finished plan. */
export interface Plan {
  /** RECORD_BYTES each. */
  readonly records: Uint8Array;
  readonly count: number;
  readonly data: Uint8Array;
  /** Offsets in the data of words that hold an offset in the data. */
  readonly relocations: readonly number[];
  /** How many jumps back it may make. */
  readonly fuel: number;
  /** What init inherits from descriptor 5 on. */
  readonly slots: readonly Slot[];
  readonly sections: readonly Section[];
  readonly hostSteps: readonly PlacedHostStep[];
  /** What stands at a place in the data, for printing; texts speak for themselves. */
  readonly shows: ReadonlyMap<number, string>;
}

/** init's own descriptors; its slots follow. */
export const PLAN_DESCRIPTOR = 3;
export const SYNC_DESCRIPTOR = 4;
export const FIRST_SLOT = 5;
/** Where SYNC and failures go. */
export const REPORT: Register = new Register(0);

/** The section that a record belongs to. */
export function sectionOf(plan: Plan, record: number): Section | undefined {
  return plan.sections.findLast(({ from }) => from <= record);
}
