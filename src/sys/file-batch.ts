/**
 * Small files made many at a time: what each needs of the kernel is written down, and native/sys.c makes the calls of all of them in one go. Called
 * one by one from here, each call costs as much again as the kernel's part of a small one. Source: man 2 of each call; `struct call` of sys.c.
 */
import { addressOf, architecture, callsRaw, syscall } from "./binding.ts";
import { type SystemCall, systemCallNumber } from "./numbers.ts";
import { O } from "./open-flags.ts";

/** Files of one batch: beyond it, more at once win nothing. */
const FILES = 128;
/** The longest name that the file systems have, and its NUL. */
const NAME_BYTES = 256;
/** Two `struct timespec`, in words of 32 bits. */
const TIME_WORDS = 8;
/** Open, write, owner, mode, times, close. */
const MOST_CALLS = 6;
/** `struct call`: number, six arguments, rule. */
const CALL_WORDS = 8;
const RULE = 7;
const KEEPS = 1;
const USES_KEPT = 2;
const TAKES_ALL = 4;
const FLAGS = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW | O.CLOEXEC;

const numberOf = (call: SystemCall): number => systemCallNumber(call, architecture);
const OPENAT = numberOf("openat");
const WRITE = numberOf("write");
const FCHOWN = numberOf("fchown");
const FCHMOD = numberOf("fchmod");
const UTIMENSAT = numberOf("utimensat");
const CLOSE = numberOf("close");

/** See `NewFile` of the image layer. */
interface NewFile {
  readonly content: Uint8Array;
  readonly mode: number;
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  readonly finalMode: number | undefined;
  readonly time: { readonly seconds: number; readonly nanoseconds: number };
}

/** Files to be made. One value serves one thread; it holds no descriptor. */
export class FileBatch<Name extends string> {
  readonly #names = Buffer.from(new ArrayBuffer(FILES * NAME_BYTES));
  readonly #times = new Int32Array(new ArrayBuffer(FILES * TIME_WORDS * 4));
  readonly #calls = new Float64Array(new ArrayBuffer(FILES * MOST_CALLS * CALL_WORDS * 8));
  readonly #namesAt = addressOf(this.#names) as number;
  readonly #timesAt = addressOf(this.#times) as number;
  readonly #callsAt = addressOf(this.#calls) as number;
  /** The first call of each file. */
  readonly #starts = new Int32Array(FILES + 1);
  /** Kept alive while their addresses are written down. */
  readonly #contents: Uint8Array[] = [];

  get count(): number {
    return this.#contents.length;
  }

  add(directory: number, name: Name, file: NewFile): boolean {
    const index = this.count;
    if (index === FILES || name.length >= NAME_BYTES || name.includes("\0")) return false;
    const { content, mode, owner, finalMode, time } = file;
    const nameAt = index * NAME_BYTES;
    this.#names.write(name, nameAt, "latin1");
    this.#names[nameAt + name.length] = 0;
    this.#putTime(index * TIME_WORDS, time.seconds, time.nanoseconds);
    let call = this.#starts[index] ?? 0;
    this.#put(call++, KEEPS, OPENAT, directory, this.#namesAt + nameAt, FLAGS, mode);
    if (content.byteLength > 0)
      this.#put(call++, USES_KEPT | TAKES_ALL, WRITE, 0, addressOf(content) as number, content.byteLength, 0);
    if (owner !== undefined) this.#put(call++, USES_KEPT, FCHOWN, 0, owner.uid, owner.gid, 0);
    if (finalMode !== undefined) this.#put(call++, USES_KEPT, FCHMOD, 0, finalMode, 0, 0);
    this.#put(call++, USES_KEPT, UTIMENSAT, 0, 0, this.#timesAt + index * TIME_WORDS * 4, 0);
    this.#put(call++, USES_KEPT, CLOSE, 0, 0, 0, 0);
    this.#starts[index + 1] = call;
    this.#contents.push(content);
    return true;
  }

  make(from: number): number {
    const [first, end] = [this.#starts[from] ?? 0, this.#starts[this.count] ?? 0];
    const failed = first + callsRaw(this.#callsAt + first * CALL_WORDS * 8, end - first);
    if (failed === end) return this.count;
    let index = from;
    while ((this.#starts[index + 1] ?? end) <= failed) index++;
    const start = (this.#starts[index] ?? 0) * CALL_WORDS;
    const descriptor = this.#calls[start + RULE] ?? -1;
    // The kernel has let go of it, whatever close says.
    if (descriptor >= 0 && this.#calls[failed * CALL_WORDS] !== CLOSE) syscall("close", descriptor);
    return index;
  }

  clear(): void {
    this.#contents.length = 0;
  }

  #put(call: number, rule: number, number: number, a: number, b: number, c: number, d: number): void {
    const at = call * CALL_WORDS;
    const calls = this.#calls;
    calls[at] = number;
    calls[at + 1] = a;
    calls[at + 2] = b;
    calls[at + 3] = c;
    calls[at + 4] = d;
    calls[at + RULE] = rule;
  }

  /** Access and modification alike. A store into 32 bits keeps the low ones. */
  #putTime(at: number, seconds: number, nanoseconds: number): void {
    const times = this.#times;
    times[at] = times[at + 4] = seconds;
    times[at + 1] = times[at + 5] = Math.floor(seconds / 2 ** 32);
    times[at + 2] = times[at + 6] = nanoseconds;
    times[at + 3] = times[at + 7] = 0;
  }
}
