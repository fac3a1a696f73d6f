/**
 * The plan: what a container is made of, as data. One ordered list of two kinds of step: records, system calls that
 * native/init.c makes, and host steps, which TypeScript carries out on the outside.
 */
import type { SystemCall } from "../../sys/index.ts";
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
  /** What stands there, for printing. */
  readonly shows: string;
  constructor(offset: number, shows: string) {
    this.offset = offset;
    this.shows = shows;
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
export type Rules = Readonly<Record<string, Target>>;

/** What a group of steps is for: the field of config.json and the clause that asks for it. */
export interface Section {
  /** For instance `mounts[0] /proc`. */
  readonly field: string;
  /** For instance `config.md, Mounts`. */
  readonly clause: string;
}

/** A record: what init does. */
export type PlanRecord = { readonly section: Section } & (
  | {
      readonly kind: "call";
      readonly call: SystemCall;
      readonly args: readonly Operand[];
      readonly result?: Register;
      readonly on?: Rules;
    }
  | { readonly kind: "move"; readonly result: Register; readonly value: Operand }
  | { readonly kind: "load"; readonly result: Register; readonly data: DataRef; readonly size: 1 | 2 | 4 | 8 }
  | { readonly kind: "store"; readonly data: DataRef; readonly size: 1 | 2 | 4 | 8; readonly value: Operand }
  | {
      readonly kind: "jump";
      readonly register: Register;
      readonly mask: bigint;
      readonly compare: "==" | "!=";
      readonly value: bigint;
      readonly to: Label;
    }
  | {
      readonly kind: "sync";
      readonly code: number;
      readonly values: readonly Operand[];
      readonly descriptors: readonly Operand[];
      readonly answer: Register;
      readonly slot?: { data: DataRef; capacity: number };
    }
  | { readonly kind: "fail"; readonly errno: Operand }
  | { readonly kind: "exit"; readonly status: number }
);

/** A step of the ordered list. `index` of a record is its number in the plan. */
export type Step =
  | { readonly kind: "record"; readonly index: number; readonly record: PlanRecord }
  | { readonly kind: "host"; readonly section: Section; readonly step: HostStep };

/** A descriptor that init inherits, by what the spawner has to open for it. */
export type Slot =
  | { readonly kind: "file"; readonly path: string; readonly flags: "read" | "write" | "path" | "fifo" }
  | { readonly kind: "tree"; readonly path: string; readonly recursive: boolean }
  | { readonly kind: "pidfd"; readonly pid: number }
  | { readonly kind: "inherited"; readonly descriptor: number };

/** A finished plan. */
export interface Plan {
  readonly steps: readonly Step[];
  readonly records: readonly PlanRecord[];
  readonly data: Uint8Array;
  /** Offsets in the data of words that hold an offset in the data. */
  readonly relocations: readonly number[];
  /** How many jumps back it may make. */
  readonly fuel: number;
  /** What init inherits from descriptor 5 on. */
  readonly slots: readonly Slot[];
}

/** init's own descriptors; its slots follow. */
export const PLAN_DESCRIPTOR = 3;
export const SYNC_DESCRIPTOR = 4;
export const FIRST_SLOT = 5;
/** Where SYNC and failures go. */
export const REPORT: Register = new Register(0);
