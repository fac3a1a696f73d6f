/** What a person sees of an error: one line that says what, which and why; a second that says what to do, if we know. */
import { isTeuError, messageOf, printError } from "../base/index.ts";

/** What `teu run` says of a container that did not come to run, as docker has it. Everything else is 125. */
const RUN_STATUS: Readonly<Record<string, number>> = {
  "program-not-found": 127,
  "program-not-executable": 126,
};

/** Prints `error` to standard error; with TEU_DEBUG its stack too. @returns the exit status for `command` */
export function report(error: unknown, command?: string): number {
  printError(`teu: ${oneLine(messageOf(error))}\n`);
  if (isTeuError(error) && error.hint !== undefined) printError(`hint: ${oneLine(error.hint)}\n`);
  if (process.env["TEU_DEBUG"] && error instanceof Error) printError(`${error.stack ?? ""}\n`);
  return statusOf(error, command);
}

/** The exit status by which `command` tells of `error`. */
export function statusOf(error: unknown, command: string | undefined): number {
  if (isTeuError(error) && typeof error.context["status"] === "number" && error.kind === "cancelled")
    return error.context["status"];
  if (command !== "run") return 1;
  return (isTeuError(error) ? RUN_STATUS[error.code] : undefined) ?? 125;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, "; ");
}
