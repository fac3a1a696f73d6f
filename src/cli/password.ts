/** The password of a private key: from a file, from the environment, or typed by whoever sits at the terminal. */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { printError } from "../base/index.ts";
import { Interrupted, InvalidOption } from "../engine/index.ts";
import { isTerminal, makeRaw } from "../sys/index.ts";

/** The first line of `file`, as containers/image reads it; undefined where no file is given. */
export function passphraseIn(file: string | undefined): string | undefined {
  return file === undefined ? undefined : readFileSync(file, "utf8").split("\n", 1)[0];
}

/**
 * As cosign has it, without its reading of what is piped: COSIGN_PASSWORD, also when it is empty; else stdin, where that is a terminal.
 * @returns undefined: nobody can be asked
 */
export function askPassword(
  environment: Readonly<Record<string, string | undefined>>,
  question: string,
): string | undefined {
  const given = environment["COSIGN_PASSWORD"];
  return given !== undefined || !isTerminal(0) ? given : readHidden(question);
}

/** The same for a new key, typed twice. @returns undefined: none was given, or it was typed as empty */
export function askNewPassword(
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const given = environment["COSIGN_PASSWORD"];
  if (given !== undefined || !isTerminal(0)) return given;
  const typed = readHidden("Password of the private key (empty: not encrypted): ");
  if (typed === "") return undefined;
  if (typed === readHidden("Once more: ")) return typed;
  throw new InvalidOption({ option: "password", value: "" }, "Cannot make a key: the passwords differ");
}

const [INTERRUPT, END, BACKSPACE, LINE, RETURN, KILL, DELETE] = [3, 4, 8, 10, 13, 21, 127];

/** One line from the terminal that is stdin, which shows nothing of it. @throws {Interrupted} by Ctrl-C */
export function readHidden(question: string): string {
  // Opened again: our stdin may be one that does not wait.
  const terminal = openSync("/proc/self/fd/0", "r");
  try {
    // Raw, so that Ctrl-C comes here and leaves no terminal behind that shows nothing.
    using _raw = makeRaw(terminal);
    printError(question);
    return readLine(terminal);
  } finally {
    closeSync(terminal);
    printError("\n");
  }
}

function readLine(terminal: number): string {
  const typed: number[] = [];
  const key = new Uint8Array(1);
  while (readSync(terminal, key) === 1) {
    const [byte = END] = key;
    if (byte === LINE || byte === RETURN || byte === END) break;
    if (byte === INTERRUPT) throw new Interrupted({ signal: "SIGINT", status: 130 });
    if (byte === KILL) typed.length = 0;
    else if (byte === BACKSPACE || byte === DELETE) eraseLetter(typed);
    else typed.push(byte);
  }
  return new TextDecoder().decode(Uint8Array.from(typed));
}

/** The last one, which in UTF-8 may have several bytes. */
function eraseLetter(typed: number[]): void {
  const isInside = (byte: number): boolean => (byte & 0xc0) === 0x80;
  while (isInside(typed.pop() ?? 0));
}
