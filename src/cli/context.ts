/** What every command of `teu` is given, and the one way to declare one. */
import {
  type Callable,
  type Command,
  defineCommand,
  encodeHelp,
  type Flags,
  type HelpPrinter,
  print,
} from "../base/index.ts";

/** The surroundings of a command. */
export interface CliContext extends HelpPrinter {
  /** The caller's environment. It is read here and there, and never passed on to anything. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The surroundings of this process. */
export function thisContext(): CliContext {
  return { environment: process.env, printHelp: (shape) => print(encodeHelp(shape)) };
}

/** Declares a command of `teu`. */
export function teuCommand<const F extends Flags>(command: Command<F, CliContext>): Callable<CliContext> {
  return defineCommand(command);
}

/** The flag of commands that print data. */
export const JSON_FLAG = { kind: "boolean", summary: "Print JSON; its fields are stable" } as const;
