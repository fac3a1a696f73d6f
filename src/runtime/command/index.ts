/** runc's command line: an entry of its own, so that a command loads no more than it needs of the runtime. */
import { COMMANDS } from "./commands.ts";
import { runCommandLine } from "./main.ts";

/** Runs `words` as the runtime called `program`. @returns the exit status */
export function runRuntimeCommand(words: readonly string[], program: string): Promise<number> {
  return runCommandLine(words, program, COMMANDS);
}
