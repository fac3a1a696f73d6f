/** What a person sees of an error: one line that says what, which and why; a second that says what to do, if we know. */
import { isTeuError, messageOf, printError } from "../base/index.ts";
import { errnoSentence } from "../sys/index.ts";
import { printable } from "./text.ts";

/** What `teu run` and `teu exec` say of a program that did not come to run, as docker has it. */
const PROGRAM_STATUS: Readonly<Record<string, number>> = {
  "program-not-found": 127,
  "program-not-executable": 126,
};

/** Prints `error` to standard error; with TEU_DEBUG its stack too. @returns the exit status for `command` */
export function report(error: unknown, command?: string): number {
  const { message, hint } = isTeuError(error) ? error : foreign(error);
  printError(`teu: ${oneLine(message)}\n`);
  if (hint !== undefined) printError(`hint: ${oneLine(hint)}\n`);
  if (process.env["TEU_DEBUG"] && error instanceof Error) printError(`${error.stack ?? ""}\n`);
  return statusOf(error, command);
}

/** The exit status by which `command` tells of `error`. */
export function statusOf(error: unknown, command: string | undefined): number {
  if (isTeuError(error) && typeof error.context["status"] === "number" && error.kind === "cancelled")
    return error.context["status"];
  if (command !== "run" && command !== "exec") return 1;
  const program = isTeuError(error) ? PROGRAM_STATUS[error.code] : undefined;
  return program ?? (command === "run" ? 125 : 1);
}

/** What the system or SQLite says where nobody foresaw it, in our words. */
export function foreign(error: unknown): { message: string; hint?: string } {
  if (!(error instanceof Error) || !("code" in error)) return { message: messageOf(error) };
  const { code } = error;
  if (error.name === "SQLiteError") {
    // A disk that is full is an I/O error where SQLite maps the file.
    const mayBeFull = code === "SQLITE_FULL" || String(code).startsWith("SQLITE_IOERR");
    return {
      message: `Cannot use the store's records: ${error.message}`,
      ...(mayBeFull && { hint: "Free some space, or choose another place with TEU_ROOT" }),
    };
  }
  if (!("errno" in error) || typeof error.errno !== "number" || !("syscall" in error))
    return { message: error.message };
  const path = "path" in error ? ` ${JSON.stringify(error.path)}` : "";
  return { message: `${error.syscall}${path}: ${errnoSentence(-error.errno)}` };
}

function oneLine(text: string): string {
  return printable(text.replaceAll(/\s*\n\s*/g, "; "));
}
