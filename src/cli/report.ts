/** What a person sees of an error: one line that says what, which and why; a second that says what to do, if we know. */
import { isTeuError, messageOf, printError } from "../base/index.ts";

/** Prints `error` to standard error. @returns the exit status: 125 belongs to `run`, every other command says 1. */
export function report(error: unknown, withStack = false): number {
  printError(`teu: ${oneLine(messageOf(error))}\n`);
  if (isTeuError(error) && error.hint !== undefined) printError(`hint: ${oneLine(error.hint)}\n`);
  if (withStack && error instanceof Error) printError(`${error.stack ?? ""}\n`);
  return 1;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, "; ");
}
