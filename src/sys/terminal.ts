/** Terminals: what they are asked and told by ioctl. Source: ioctl_tty(2), termios(3), pts(4). */

import { syscall } from "./binding.ts";
import { check } from "./errno.ts";
import { closeSync, openSync } from "./files.ts";

const TCGETS = 0x5401;
const TCSETS = 0x5402;
const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;
const O_RDWR = 2;
const O_NOCTTY = 0o400;
const O_CLOEXEC = 0o2000000;

/** The kernel's struct termios: four words of flags, c_line, c_cc[19]. */
const TERMIOS_BYTES = 36;
const [IFLAG, OFLAG, CFLAG, LFLAG] = [0, 4, 8, 12];
const CC = 17;
const [VTIME, VMIN] = [5, 6];

/** Flags that cfmakeraw(3) clears, and CS8, which it sets. */
const INPUT_PROCESSING = 0o1 | 0o2 | 0o10 | 0o40 | 0o100 | 0o200 | 0o400 | 0o2000;
const [OPOST, ONLCR] = [0o1, 0o4];
const LINE_EDITING = 0o1 | 0o2 | 0o10 | 0o100 | 0o100000;
const CSIZE_PARENB = 0o60 | 0o400;
const CS8 = 0o60;

/** In characters. */
export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** Whether `descriptor` is a terminal. */
export function isTerminal(descriptor: number): boolean {
  return syscall("ioctl", descriptor, TCGETS, new Uint8Array(new ArrayBuffer(TERMIOS_BYTES))) === 0;
}

/**
 * Puts a terminal into raw mode: every key arrives at once and as it is. Disposing puts it back as it was.
 * @param keepsOutput  What is written is shown as before: a newline also returns to the line's begin.
 * @throws {SystemCallFailed} `descriptor` is no terminal
 */
export function makeRaw(descriptor: number, { keepsOutput = false } = {}): Disposable {
  const before = new DataView(new ArrayBuffer(TERMIOS_BYTES));
  check(syscall("ioctl", descriptor, TCGETS, before), "TCGETS");
  const raw = new DataView(before.buffer.slice(0));
  const clear = (at: number, bits: number) => raw.setUint32(at, raw.getUint32(at, true) & ~bits, true);
  clear(IFLAG, INPUT_PROCESSING);
  if (!keepsOutput) clear(OFLAG, OPOST);
  clear(LFLAG, LINE_EDITING);
  clear(CFLAG, CSIZE_PARENB);
  raw.setUint32(CFLAG, raw.getUint32(CFLAG, true) | CS8, true);
  raw.setUint8(CC + VTIME, 0);
  raw.setUint8(CC + VMIN, 1);
  check(syscall("ioctl", descriptor, TCSETS, raw), "TCSETS");
  let isRaw = true;
  return {
    [Symbol.dispose](): void {
      // The terminal may be gone by now: nobody is left to see its mode.
      if (isRaw) syscall("ioctl", descriptor, TCSETS, before);
      isRaw = false;
    },
  };
}

/** Has a terminal pass a newline on as it is, without a carriage return before it. @throws {SystemCallFailed} `descriptor` is no terminal */
export function keepNewlines(descriptor: number): void {
  const modes = new DataView(new ArrayBuffer(TERMIOS_BYTES));
  check(syscall("ioctl", descriptor, TCGETS, modes), "TCGETS");
  modes.setUint32(OFLAG, modes.getUint32(OFLAG, true) & ~ONLCR, true);
  check(syscall("ioctl", descriptor, TCSETS, modes), "TCSETS");
}

/** The size of a terminal, or undefined when `descriptor` is none. */
export function terminalSize(descriptor: number): TerminalSize | undefined {
  const size = new Uint16Array(new ArrayBuffer(8));
  if (syscall("ioctl", descriptor, TIOCGWINSZ, size) < 0) return undefined;
  return { rows: size[0] ?? 0, columns: size[1] ?? 0 };
}

/** Tells a terminal its size; its foreground processes get SIGWINCH. @throws {SystemCallFailed} */
export function setTerminalSize(descriptor: number, { rows, columns }: TerminalSize): void {
  const size = new Uint16Array(new ArrayBuffer(8));
  size.set([rows, columns]);
  check(syscall("ioctl", descriptor, TIOCSWINSZ, size), "TIOCSWINSZ");
}

/** Gives `to` the size of `from`, where `from` is a terminal and has one. */
export function copyTerminalSize(from: number, to: number): void {
  const size = terminalSize(from);
  if (size !== undefined && size.rows > 0) setTerminalSize(to, size);
}

/** A new terminal of the host: the side that programs use, and the side that a person sits at. The caller closes both. */
export function openTerminal(): { master: number; slave: number } {
  const master = openSync("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  try {
    check(syscall("ioctl", master, TIOCSPTLCK, new Int32Array(1)), "TIOCSPTLCK");
    const slave = check(syscall("ioctl", master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC), "TIOCGPTPEER");
    return { master, slave };
  } catch (error) {
    closeSync(master);
    throw error;
  }
}
