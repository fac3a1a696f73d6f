/** What every command of `teu` is given, and the one way to declare one. */
import {
  type Callable,
  type Command,
  type CommandShape,
  type CommandTable,
  defineCommand,
  encodeHelp,
  encodeTableHelp,
  type Flags,
  type HelpPrinter,
  loadCommand,
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

const HELP: ReadonlySet<string> = new Set(["help", "--help", "-h"]);

/** Declares a word that has commands of its own: `teu network ls`. Alone or asked for help, it prints which ones. */
export function commandGroup(
  group: Pick<CommandShape, "name" | "summary" | "description" | "examples">,
  table: CommandTable<CliContext>,
): Callable<CliContext> {
  const shape = { ...group, flags: {}, arguments: [] };
  return {
    shape,
    table,
    async call([word, ...rest], context) {
      if (word !== undefined && !HELP.has(word))
        return await (await loadCommand(table, word, shape.name)).call(rest, context);
      print(encodeTableHelp(shape, table));
      return 0;
    },
  };
}

/** The flag of commands that print data. */
export const JSON_FLAG = { kind: "boolean", summary: "Print JSON; its fields are stable" } as const;
