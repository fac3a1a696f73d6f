/** Builds a plan: appends steps in order, lays out data, places labels. */
import type { SystemCall } from "../../sys/index.ts";
import { type HostStep, SYNC_CODES, type SyncCode } from "./host-step.ts";
import {
  DataRef,
  FIRST_SLOT,
  Label,
  type Operand,
  type Plan,
  type PlanRecord,
  Register,
  type Rules,
  type Section,
  type Slot,
  type Step,
} from "./plan.ts";

/** First of the twelve registers that a SYNC's answer fills: four values, then eight descriptors. */
const ANSWER = new Register(48);
/** A value that the parent answered. */
export function answered(index: 0 | 1 | 2 | 3): Register {
  return new Register(ANSWER.number + index);
}
/** A descriptor that the parent answered. */
export function answeredDescriptor(index: number): Register {
  return new Register(ANSWER.number + 4 + index);
}

const encoder = new TextEncoder();
const NOWHERE: Section = { field: "", clause: "" };

export class PlanBuilder {
  #steps: Step[] = [];
  #records: PlanRecord[] = [];
  #section = NOWHERE;
  #buffer = new Uint8Array(16_384);
  #length = 0;
  #texts = new Map<string, DataRef>();
  #relocations: number[] = [];
  #slots: Slot[] = [];
  #fuel = 0;
  #later: { section: Section; build: () => void }[] = [];

  /** The steps that follow are for `field`, asked for by `clause`. */
  section(field: string, clause: string): void {
    this.#section = { field, clause };
  }

  /** One system call. Pointers are DataRefs; a missing argument is 0. Returns the record's number. */
  call(call: SystemCall, args: readonly Operand[], options: { result?: Register; on?: Rules } = {}): number {
    this.#add({ kind: "call", section: this.#section, call, args, ...options });
    return this.#records.length - 1;
  }

  move(result: Register, value: Operand): void {
    this.#add({ kind: "move", section: this.#section, result, value });
  }

  load(result: Register, data: DataRef, size: 1 | 2 | 4 | 8): void {
    this.#add({ kind: "load", section: this.#section, result, data, size });
  }

  store(data: DataRef, size: 1 | 2 | 4 | 8, value: Operand): void {
    this.#add({ kind: "store", section: this.#section, data, size, value });
  }

  /** Goes to `to` when (register & mask) compares so with `value`. */
  jump(to: Label, register: Register, mask: bigint, compare: "==" | "!=", value: bigint): void {
    this.#add({ kind: "jump", section: this.#section, register, mask, compare, value, to });
  }

  goto(to: Label): void {
    this.jump(to, new Register(0), 0n, "==", 0n);
  }

  /** Stops until the parent has answered; the host steps that follow are what it does before it answers. */
  sync(
    code: SyncCode,
    options: {
      values?: readonly Operand[];
      descriptors?: readonly Operand[];
      slot?: { data: DataRef; capacity: number };
    } = {},
  ): void {
    const { values = [], descriptors = [], slot } = options;
    this.#add({
      kind: "sync",
      section: this.#section,
      code: SYNC_CODES[code],
      values,
      descriptors,
      answer: ANSWER,
      ...(slot && { slot }),
    });
  }

  fail(errno: Operand): void {
    this.#add({ kind: "fail", section: this.#section, errno });
  }

  exit(status: number): void {
    this.#add({ kind: "exit", section: this.#section, status });
  }

  host(step: HostStep): void {
    this.#steps.push({ kind: "host", section: this.#section, step });
  }

  label(): Label {
    return new Label();
  }

  /** The next record is where `label` leads. */
  place(label: Label): void {
    label.at = this.#records.length;
  }

  /** Steps for the rare case: they come after the last record, so that the usual way runs straight through. */
  later(build: () => void): void {
    this.#later.push({ section: this.#section, build });
  }

  /** Allows so many jumps back. */
  addFuel(jumps: number): void {
    this.#fuel += jumps;
  }

  /** A NUL-terminated string; equal texts share a place. Only for data that no record writes. */
  text(text: string): DataRef {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    const ref = this.bytes(encoder.encode(`${text}\0`), JSON.stringify(text), 1);
    this.#texts.set(text, ref);
    return ref;
  }

  /** Data that several records read and none writes, made once. */
  shared(key: string, make: () => DataRef): DataRef {
    const known = this.#texts.get(key) ?? make();
    this.#texts.set(key, known);
    return known;
  }

  /** Bytes, aligned to eight unless said otherwise. */
  bytes(bytes: Uint8Array, shows = `${bytes.length} bytes`, alignment = 8): DataRef {
    const ref = this.reserve(bytes.length, shows, alignment);
    this.#buffer.set(bytes, ref.offset);
    return ref;
  }

  /** Zeroed room. */
  reserve(length: number, shows = `${length} bytes`, alignment = 8): DataRef {
    const offset = Math.ceil(this.#length / alignment) * alignment;
    const end = offset + length;
    if (end > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(end, this.#buffer.length * 2));
      grown.set(this.#buffer);
      this.#buffer = grown;
    }
    this.#length = end;
    return new DataRef(offset, shows);
  }

  /** A structure of 64-bit words; DataRefs in it become addresses. */
  words(words: readonly (number | bigint | DataRef)[], shows: string): DataRef {
    const ref = this.reserve(words.length * 8, shows);
    const view = new DataView(this.#buffer.buffer);
    words.forEach((word, index) => {
      const at = ref.offset + index * 8;
      if (word instanceof DataRef) this.#relocations.push(at);
      view.setBigUint64(at, BigInt(word instanceof DataRef ? word.offset : word), true);
    });
    return ref;
  }

  /** A NULL-terminated table of strings, as execve wants them. */
  strings(texts: readonly string[], shows: string): DataRef {
    return this.words([...texts.map((text) => this.text(text)), 0], shows);
  }

  /** The number, in init, of a descriptor that the spawner opens. */
  slot(slot: Slot): number {
    this.#slots.push(slot);
    return FIRST_SLOT + this.#slots.length - 1;
  }

  /** The lowest number that nothing inherited has. All slots are there by now. */
  get firstOwnDescriptor(): number {
    return FIRST_SLOT + this.#slots.length;
  }

  finish(): Plan {
    for (const { section, build } of this.#later) {
      this.#section = section;
      build();
    }
    return {
      steps: this.#steps,
      records: this.#records,
      data: this.#buffer.subarray(0, Math.max(8, this.#length)),
      relocations: this.#relocations,
      fuel: this.#fuel,
      slots: this.#slots,
    };
  }

  #add(record: PlanRecord): void {
    this.#steps.push({ kind: "record", index: this.#records.length, record });
    this.#records.push(record);
  }
}
