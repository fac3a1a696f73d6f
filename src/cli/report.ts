/** What a person sees of an error: one line that says what, which and why; a second that says what to do, if we know. */
import { statfsSync } from "node:fs";
import { hasCode, isTeuError, messageOf, printError, stateRoot, UnknownFlag } from "../base/index.ts";
import { errnoOf, errnoSentence } from "../sys/index.ts";
import { whyNoFlag } from "./foreign-flags.ts";
import { printable } from "./text.ts";

/** What `teu run` and `teu exec` say of a program that did not come to run, as docker has it. */
const PROGRAM_STATUS: Readonly<Record<string, number>> = {
  "program-not-found": 127,
  "program-not-executable": 126,
};

/** Where there is no such working directory, or no such user. */
const EXEC_STATUS: Readonly<Record<string, number>> = { "plan-failed": 126, "unknown-user": 126 };

/** Docker's statuses of what is wrong with a command line before a container is thought of. */
const FLAG_ERRORS: ReadonlySet<string> = new Set([
  "unknown-flag",
  "missing-flag-value",
  "invalid-flag-value",
]);
const NEVER_TRIED: ReadonlySet<string> = new Set(["wrong-argument-count", "not-a-terminal"]);

const FREE_SOME = "Free some space, or choose another place with TEU_ROOT";
/** A transaction of ours may want as much. */
const NEXT_TO_NOTHING_KIB = 512;

/** Prints `error` to standard error; with TEU_DEBUG its stack too. @returns the exit status for `command` */
export function report(caught: unknown, command?: string): number {
  const error = firstOf(caught);
  if (hasCode(error, "reader-gone") || hasCode(error, "hung-up")) return statusOf(error, command);
  const { message, hint } = inWords(error);
  printError(`teu: ${oneLine(message)}\n`);
  if (hint !== undefined) printError(`hint: ${oneLine(hint)}\n`);
  if (process.env["TEU_DEBUG"] && error instanceof Error) printError(`${error.stack ?? ""}\n`);
  return statusOf(error, command);
}

/** The exit status by which `command` tells of `error`. */
export function statusOf(error: unknown, command: string | undefined): number {
  if (isTeuError(error) && typeof error.context["status"] === "number" && error.kind === "cancelled")
    return error.context["status"];
  const code = isTeuError(error) ? error.code : "";
  if (command !== "runtime" && FLAG_ERRORS.has(code)) return 125;
  if ((command !== "run" && command !== "exec") || NEVER_TRIED.has(code)) return 1;
  const program = PROGRAM_STATUS[code] ?? (command === "exec" ? EXEC_STATUS[code] : undefined);
  return program ?? (command === "run" ? 125 : 1);
}

/** What went wrong first, where the end of a `using` found something wrong too: what it left, the next command cleans up. */
export function firstOf(error: unknown): unknown {
  return error instanceof SuppressedError ? firstOf(error.suppressed) : error;
}

const REPAIR = "'teu system repair' makes the records again of what is there";

/** What happened, and what to do about it. */
export function inWords(error: unknown): { readonly message: string; readonly hint?: string | undefined } {
  if (!isTeuError(error)) return foreign(error);
  if (error instanceof UnknownFlag) {
    const { command, flag } = error.context;
    const why = whyNoFlag(command, flag);
    if (why !== undefined) return { message: `Unsupported flag ${flag} of ${command}: ${why}` };
  }
  return { message: error.message, hint: error.hint ?? (isFull(errnoOf(error)) ? FREE_SOME : undefined) };
}

function isFull(errno: unknown): boolean {
  return errno === "ENOSPC" || errno === "EDQUOT";
}

/** What the system or SQLite says where nobody foresaw it, in our words. */
function foreign(error: unknown): { message: string; hint?: string } {
  if (!(error instanceof Error) || !("code" in error)) return { message: messageOf(error) };
  const { code } = error;
  if (error.name === "SQLiteError") {
    // A disk that is full is an I/O error where SQLite maps the file.
    const mayBeFull = code === "SQLITE_FULL" || String(code).startsWith("SQLITE_IOERR");
    return {
      message: `Cannot use the store's records below ${JSON.stringify(stateRoot(process.env))}: ${mayBeFull ? whatIsFull(error.message) : error.message}`,
      ...(mayBeFull && { hint: FREE_SOME }),
      ...(/^SQLITE_(CORRUPT|NOTADB)/.test(String(code)) && { hint: REPAIR }),
    };
  }
  if (!("errno" in error) || typeof error.errno !== "number" || !("syscall" in error))
    return { message: error.message };
  const path = "path" in error ? ` ${JSON.stringify(error.path)}` : "";
  return {
    message: `${error.syscall}${path}: ${errnoSentence(-error.errno)}`,
    ...(isFull(code) && { hint: FREE_SOME }),
  };
}

/** How much room is left where the records are, when that is next to nothing. */
function whatIsFull(said: string): string {
  try {
    const { bavail, bsize } = statfsSync(stateRoot(process.env));
    const free = Math.floor((bavail * bsize) / 1024);
    return free < NEXT_TO_NOTHING_KIB ? `no space is left on the device (${free} KiB are free)` : said;
  } catch {
    return said; // there is no such folder: then it is not full
  }
}

function oneLine(text: string): string {
  return printable(text.replaceAll(/\s*\n\s*/g, "; "));
}
