/** A line that whoever sits at the terminal types, and sees. */
import { closeSync, openSync, readSync } from "node:fs";
import { printError } from "../base/index.ts";

const MOST_BYTES = 4096;

/** The line, without what surrounds it; empty at the end of input. The terminal is stdin. */
export function askLine(question: string): string {
  printError(question);
  const typed = new Uint8Array(MOST_BYTES);
  // Opened again: our stdin may be one that does not wait.
  const terminal = openSync("/proc/self/fd/0", "r");
  try {
    return new TextDecoder().decode(typed.subarray(0, readSync(terminal, typed))).trim();
  } finally {
    closeSync(terminal);
  }
}
