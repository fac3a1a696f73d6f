/**
 * Writes a classic BPF program from its end to its beginning. Jumps go forwards only, so every target is known when
 * its jump is written; a target that lies beyond the 255 instructions of a conditional jump is reached by a `ja`.
 * Source: linux/filter.h; kernel Documentation/networking/filter.rst.
 */
import { SeccompTooLarge } from "./errors.ts";

/** A place in the program: how many instructions stand from it to the end. */
export type Label = number;

const BPF_MAXINSNS = 4096;
const FARTHEST = 255;
/** A `ret` is shared while it is this near, so that a jump to it still fits after a few more instructions. */
const SHARE_WITHIN = 200;

const LOAD_WORD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const AND = 0x54; // BPF_ALU | BPF_AND | BPF_K
const JUMP = 0x05; // BPF_JMP | BPF_JA
const RETURN = 0x06; // BPF_RET | BPF_K
/** Conditional jumps that compare the accumulator with a constant. */
export const JEQ = 0x15;
export const JGT = 0x25;
export const JGE = 0x35;

export class Assembler {
  /** Two words an instruction, filled from the back: code | jt << 16 | jf << 24, then the constant. */
  readonly #words = new Uint32Array(2 * BPF_MAXINSNS);
  readonly #returns = new Map<number, Label>();
  #count = 0;

  /** The number of instructions so far; as a label, the one written last. */
  get count(): Label {
    return this.#count;
  }

  /** A place that returns `value`. */
  ret(value: number): Label {
    const known = this.#returns.get(value);
    if (known !== undefined && this.#count - known < SHARE_WITHIN) return known;
    const label = this.#put(RETURN, value);
    this.#returns.set(value, label);
    return label;
  }

  /** Loads the 32-bit word at `offset` of `struct seccomp_data`, then goes on at `next`. */
  load(offset: number, next: Label): Label {
    this.#fallInto(next);
    return this.#put(LOAD_WORD, offset);
  }

  /** Keeps the bits of `mask`, then goes on at `next`. */
  and(mask: number, next: Label): Label {
    this.#fallInto(next);
    return this.#put(AND, mask);
  }

  /** Compares the accumulator with `value`. */
  branch(compare: number, value: number, yes: Label, no: Label): Label {
    no = this.#near(no);
    yes = this.#near(yes);
    return this.#put(compare | ((this.#count - yes) << 16) | ((this.#count - no) << 24), value);
  }

  /** The finished program: an array of `struct sock_filter`, little endian as both machines are. */
  finish(): Uint8Array {
    return new Uint8Array(this.#words.buffer.slice(this.#words.byteLength - this.#count * 8));
  }

  #fallInto(next: Label): void {
    if (next !== this.#count) this.#put(JUMP, this.#count - next);
  }

  #near(label: Label): Label {
    // One less than reaches: the other target of the same branch may need a `ja` as well.
    return this.#count - label < FARTHEST ? label : this.#put(JUMP, this.#count - label);
  }

  #put(code: number, constant: number): Label {
    if (this.#count === BPF_MAXINSNS) throw new SeccompTooLarge({ limit: BPF_MAXINSNS });
    this.#count++;
    const at = this.#words.length - 2 * this.#count;
    this.#words[at] = code;
    this.#words[at + 1] = constant;
    return this.#count;
  }
}
