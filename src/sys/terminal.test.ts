import { expect, test } from "bun:test";
import { closeSync, readSync, writeSync } from "node:fs";
import { pipe } from "./pipe.ts";
import {
  copyTerminalSize,
  isTerminal,
  makeRaw,
  openTerminal,
  setTerminalSize,
  terminalSize,
} from "./terminal.ts";

function withTerminal(work: (master: number, slave: number) => void): void {
  const { master, slave } = openTerminal();
  try {
    work(master, slave);
  } finally {
    closeSync(slave);
    closeSync(master);
  }
}

function read(descriptor: number): string {
  const buffer = Buffer.alloc(100);
  return buffer.subarray(0, readSync(descriptor, buffer)).toString();
}

test("isTerminal() tells a terminal from a pipe", () => {
  withTerminal((_, slave) => expect(isTerminal(slave)).toBe(true));
  const { read: reader, write } = pipe();
  expect(isTerminal(reader)).toBe(false);
  expect(terminalSize(reader)).toBeUndefined();
  closeSync(reader);
  closeSync(write);
});

test("makeRaw() lets every byte through, both ways, and puts back what was", () => {
  withTerminal((master, slave) => {
    const raw = makeRaw(slave);
    writeSync(master, "a\r\x03"); // ctrl-C is a byte like any other; no newline is waited for
    expect(read(slave)).toBe("a\r\x03");
    writeSync(slave, "b\n");
    expect(read(master)).toBe("b\n"); // and nothing was echoed before it
    raw[Symbol.dispose]();
    writeSync(slave, "c\n");
    expect(read(master)).toBe("c\r\n");
    raw[Symbol.dispose]();
  });
});

test("copyTerminalSize() copies, and leaves alone where there is nothing to copy", () => {
  withTerminal((_, from) =>
    withTerminal((_, to) => {
      setTerminalSize(from, { rows: 12, columns: 34 });
      copyTerminalSize(from, to);
      expect(terminalSize(to)).toEqual({ rows: 12, columns: 34 });
      setTerminalSize(from, { rows: 0, columns: 0 });
      copyTerminalSize(from, to);
      expect(terminalSize(to)).toEqual({ rows: 12, columns: 34 });
    }),
  );
});
