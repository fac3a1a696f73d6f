/** Builds a plan: encodes records in order, lays out data, places labels. It is on the way of every start, so it is plain loops. */
import {
  type Architecture,
  errno,
  architecture as ours,
  type SystemCall,
  systemCallNumber,
} from "../../sys/index.ts";
import {
  ANY_ERRNO,
  ARGS_AT,
  KIND_DATA,
  KIND_REGISTER,
  MAX_RULES,
  NO_REGISTER,
  NUMBER_AT,
  OP_CALL,
  OP_EXIT,
  OP_FAIL,
  OP_JMP,
  OP_LOAD,
  OP_MOV,
  OP_STORE,
  OP_SYNC,
  RECORD_BYTES,
  RECORD_WORDS,
  RULES_AT,
  SLOT_AT,
  TARGET_NEXT,
} from "./format.ts";
import { type HostStep, SYNC_CODES, type SyncCode } from "./host-step.ts";
import {
  DataRef,
  FIRST_SLOT,
  Label,
  type Operand,
  type PlacedHostStep,
  type Plan,
  Register,
  type Rules,
  type Section,
  type Slot,
} from "./plan.ts";

/** First of the twelve registers that a SYNC's answer fills: four values, then eight descriptors. */
const ANSWER = new Register(48);
/** A descriptor that the parent answered. */
export function answeredDescriptor(index: number): Register {
  return new Register(ANSWER.number + 4 + index);
}
/** A value that the parent answered. */
export function answered(index: 0 | 1 | 2 | 3): Register {
  return new Register(ANSWER.number + index);
}

type Size = 1 | 2 | 4 | 8;
const encoder = new TextEncoder();
/** Room for a segment; a whole plan grows twice. To zero what nobody uses costs a page fault for every 4 kB. */
const FIRST_RECORDS = 128;
const FIRST_DATA_BYTES = 4096;
const TWO_TO_32 = 0x1_0000_0000;

export class PlanBuilder {
  readonly #architecture: Architecture;
  #words = new Int32Array(new ArrayBuffer(FIRST_RECORDS * RECORD_BYTES));
  #count = 0;
  /** Where a label's record goes: word of #words, and whether it is a rule's upper half. */
  #fixups: { at: number; label: Label; isRule: boolean }[] = [];
  #buffer = new Uint8Array(new ArrayBuffer(FIRST_DATA_BYTES));
  #length = 0;
  #texts = new Map<string, DataRef>();
  #shared = new Map<string, DataRef>();
  #shows = new Map<number, string>();
  #relocations: number[] = [];
  readonly #slotsBefore: number;
  #slots: Slot[] = [];
  #sections: Section[] = [{ field: "", clause: "", from: 0 }];
  #hostSteps: PlacedHostStep[] = [];
  #later: { section: Section; build: () => void }[] = [];
  #fuel = 0;

  /**
   * @param architecture  Whose system call numbers the plan has.
   * @param before  The plan that this one is a segment of: init has its slots already.
   */
  constructor(options: { architecture?: Architecture; before?: Plan } = {}) {
    this.#architecture = options.architecture ?? ours;
    this.#slotsBefore = options.before?.slots.length ?? 0;
  }

  /** The steps that follow are for `field`, asked for by `clause`. */
  section(field: string, clause: string): void {
    this.#sections.push({ field, clause, from: this.#count });
  }

  /** One system call. Pointers are DataRefs; a missing argument is 0. Returns the record's number. */
  call(call: SystemCall, args: readonly Operand[], options?: { result?: Register; on?: Rules }): number {
    const at = this.#begin(OP_CALL, systemCallNumber(call, this.#architecture), options?.result);
    this.#args(at, args);
    if (options?.on !== undefined) this.#rules(at, options.on);
    return this.#count - 1;
  }

  move(result: Register, value: Operand): void {
    this.#args(this.#begin(OP_MOV, 0, result), [value]);
  }

  load(result: Register, data: DataRef, size: Size): void {
    this.#args(this.#begin(OP_LOAD, size, result), [data.offset]);
  }

  store(data: DataRef, size: Size, value: Operand): void {
    this.#args(this.#begin(OP_STORE, size, undefined), [data.offset, value]);
  }

  /** Goes to `to` when (register & mask) compares so with `value`. */
  jump(to: Label, register: Register, mask: bigint, compare: "==" | "!=", value: bigint): void {
    const at = this.#begin(OP_JMP, 0, undefined);
    this.#args(at, [register, mask, value, compare === "==" ? 0 : 1]);
    this.#fixups.push({ at: at + ARGS_AT + 8, label: to, isRule: false });
  }

  goto(to: Label): void {
    this.jump(to, ANSWER, 0n, "==", 0n);
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
    const [a = 0, b = 0, c = 0, d = 0] = values;
    const [first = -1, second = -1] = descriptors;
    const at = this.#begin(OP_SYNC, SYNC_CODES[code], ANSWER);
    this.#args(at, [a, b, c, d, first, second]);
    if (slot === undefined) return;
    this.#words[at + SLOT_AT] = slot.data.offset;
    this.#words[at + SLOT_AT + 1] = slot.capacity;
  }

  fail(error: Operand): void {
    this.#args(this.#begin(OP_FAIL, 0, undefined), [error]);
  }

  exit(status: number): void {
    this.#args(this.#begin(OP_EXIT, 0, undefined), [status]);
  }

  /** What the steps are for at the moment. */
  get field(): string {
    return this.#section.field;
  }

  host(step: HostStep): void {
    this.#hostSteps.push({ after: this.#count - 1, section: this.#section, step });
  }

  label(): Label {
    return new Label();
  }

  /** The next record is where `label` leads. */
  place(label: Label): void {
    label.at = this.#count;
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
    const room = text.length * 3 + 1;
    const offset = this.#reserve(room, 1);
    const { written } = encoder.encodeInto(text, this.#buffer.subarray(offset, offset + room));
    this.#length = offset + written + 1;
    const ref = new DataRef(offset);
    this.#texts.set(text, ref);
    return ref;
  }

  /** Data that several records use and none relies on for longer, made once for each kind and values. */
  shared(kind: string, values: readonly number[], make: () => DataRef): DataRef {
    const key = `${kind} ${values.join(" ")}`;
    const known = this.#shared.get(key) ?? make();
    this.#shared.set(key, known);
    return known;
  }

  /** Bytes, aligned to eight. */
  bytes(bytes: Uint8Array, shows?: string): DataRef {
    const ref = this.reserve(bytes.length, shows ?? `${bytes.length} bytes`);
    this.#buffer.set(bytes, ref.offset);
    return ref;
  }

  /** Zeroed room, aligned to eight. */
  reserve(length: number, shows: string): DataRef {
    const ref = new DataRef(this.#reserve(length, 8));
    this.#shows.set(ref.offset, shows);
    return ref;
  }

  /** A structure of 64-bit words; DataRefs in it become addresses. */
  words(words: readonly (number | bigint | DataRef)[], shows: string): DataRef {
    const ref = this.reserve(words.length * 8, shows);
    const view = new DataView(this.#buffer.buffer);
    let at = ref.offset;
    for (const word of words) {
      if (word instanceof DataRef) {
        this.#relocations.push(at);
        view.setUint32(at, word.offset, true);
      } else if (typeof word === "number") {
        view.setInt32(at, word, true);
        view.setInt32(at + 4, Math.floor(word / TWO_TO_32), true);
      } else view.setBigUint64(at, BigInt.asUintN(64, word), true);
      at += 8;
    }
    return ref;
  }

  /** A NULL-terminated table of strings, as execve wants them. */
  strings(texts: readonly string[], shows: string): DataRef {
    return this.words([...texts.map((text) => this.text(text)), 0], shows);
  }

  /** The number, in init, of a descriptor that the spawner opens: only before init is there. */
  slot(slot: Slot): number {
    if (this.#slotsBefore > 0)
      throw new RangeError("A segment comes when init is there: nothing can be inherited any more");
    this.#slots.push(slot);
    return FIRST_SLOT + this.#slots.length - 1;
  }

  /** The lowest number that nothing inherited has. All slots are there by now. */
  get firstOwnDescriptor(): number {
    return FIRST_SLOT + this.#slotsBefore + this.#slots.length;
  }

  finish(): Plan {
    for (const { section, build } of this.#later) {
      this.#sections.push({ ...section, from: this.#count });
      build();
    }
    this.#settleLabels();
    return {
      records: new Uint8Array(this.#words.buffer, 0, this.#count * RECORD_BYTES),
      count: this.#count,
      data: this.#buffer.subarray(0, Math.max(8, this.#length)),
      relocations: this.#relocations,
      fuel: this.#fuel,
      slots: this.#slots,
      sections: this.#sections,
      hostSteps: this.#hostSteps,
      shows: this.#shows,
    };
  }

  get #section(): Section {
    return this.#sections[this.#sections.length - 1] as Section; // There is one from the start.
  }

  /** Begins a record; returns its place in #words. */
  #begin(op: number, number: number, result: Register | undefined): number {
    const at = this.#count * RECORD_WORDS;
    if (at === this.#words.length) {
      const grown = new Int32Array(new ArrayBuffer(this.#words.byteLength * 2));
      grown.set(this.#words);
      this.#words = grown;
    }
    this.#words[at] = op | ((result === undefined ? NO_REGISTER : result.number) << 8);
    this.#words[at + NUMBER_AT] = number;
    this.#count++;
    return at;
  }

  #args(at: number, args: readonly Operand[]): void {
    const words = this.#words;
    let kinds = 0;
    let place = at + ARGS_AT;
    for (let index = 0; index < args.length; index++, place += 2) {
      const operand = args[index] ?? 0;
      if (typeof operand === "number") {
        words[place] = operand;
        if (operand < 0 || operand >= TWO_TO_32) words[place + 1] = Math.floor(operand / TWO_TO_32);
      } else if (operand instanceof Register) {
        kinds |= KIND_REGISTER << (2 * index);
        words[place] = operand.number;
      } else if (operand instanceof DataRef) {
        kinds |= KIND_DATA << (2 * index);
        words[place] = operand.offset;
      } else {
        words[place] = Number(BigInt.asIntN(32, operand));
        words[place + 1] = Number(BigInt.asIntN(32, operand >> 32n));
      }
    }
    if (kinds !== 0) words[at] = (words[at] ?? 0) | (kinds << 16);
  }

  #rules(at: number, rules: Rules): void {
    let place = at + RULES_AT;
    for (const name in rules) {
      if (place === at + RULES_AT + MAX_RULES)
        throw new RangeError(`A record has more than ${MAX_RULES} rules`);
      const to = rules[name as keyof Rules]; // of its own names
      const number = name === "*" ? ANY_ERRNO : errno[name as keyof typeof errno];
      this.#words[place] = number | (TARGET_NEXT << 16);
      if (to instanceof Label) this.#fixups.push({ at: place, label: to, isRule: true });
      place++;
    }
  }

  #settleLabels(): void {
    for (const { at, label, isRule } of this.#fixups) {
      if (label.at < 0) throw new RangeError("A record leads to a label that was never placed");
      this.#words[at] = isRule ? ((this.#words[at] ?? 0) & 0xffff) | (label.at << 16) : label.at;
    }
  }

  #reserve(length: number, alignment: number): number {
    const offset = Math.ceil(this.#length / alignment) * alignment;
    const end = offset + length;
    if (end > this.#buffer.length) {
      const grown = new Uint8Array(new ArrayBuffer(Math.max(end, this.#buffer.length * 2)));
      grown.set(this.#buffer);
      this.#buffer = grown;
    }
    this.#length = end;
    return offset;
  }
}
