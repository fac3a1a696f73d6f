/**
 * Commands as declared data plus one function, found by name and loaded when called: the program starts as fast with
 * a hundred of them as with one. From the same data come parsing, help and reference pages.
 */

import { type Argument, type Flags, type ParsedArguments, parseArguments, UsageError } from "./arguments.ts";
import { closest } from "./closest.ts";

/** A command line that shows what the command is for. */
export interface Example {
  /** Without a prompt. */
  readonly command: string;
  readonly says: string;
}

/** One command: what help shows and what it does. */
export interface Command<F extends Flags, Context> {
  /** The words that call it, program first: `teu runtime create`. */
  readonly name: string;
  /** One line, without a full stop. */
  readonly summary: string;
  /** More than the summary, in full sentences. */
  readonly description?: string;
  readonly flags: F;
  readonly arguments: readonly Argument[];
  readonly examples: readonly Example[];
  /** See `Grammar`. */
  readonly stopsAtArgument?: boolean;
  readonly takesSingleDash?: boolean;
  /** Returns the exit status. */
  run(parsed: ParsedArguments<F>, context: Context): number | Promise<number>;
}

/** What a face shows of a command in help; a command of any flags. */
export type CommandShape = Omit<Command<Flags, never>, "run">;

/** A command that can be called with words, its flags' types hidden. */
export interface Callable<Context> {
  readonly shape: CommandShape;
  /** Its own commands, where it is a word for several. */
  readonly table?: CommandTable<Context>;
  call(argv: readonly string[], context: Context): number | Promise<number>;
}

/** What every context has: how this face prints help. */
export interface HelpPrinter {
  printHelp(shape: CommandShape): void;
}

/** Makes a command callable: parse, or print help, then run. */
export function defineCommand<const F extends Flags, Context extends HelpPrinter>(
  command: Command<F, Context>,
): Callable<Context> {
  return {
    shape: command,
    call(argv, context) {
      const parsed = parseArguments(command, argv);
      if (!parsed.wantsHelp) return command.run(parsed, context);
      context.printHelp(command);
      return 0;
    },
  };
}

/** One command of a table, not loaded yet. */
export interface Entry<Context> {
  readonly summary: string;
  readonly hidden?: boolean;
  /** A heading under which help lists it. */
  readonly group?: string;
  /** Whether it does nothing before it opens the engine's store. */
  readonly opensStore?: boolean;
  load(): Promise<Callable<Context>>;
}

/** Commands by the word that calls each. */
export type CommandTable<Context> = Readonly<Record<string, Entry<Context>>>;

/** No such command. */
export class UnknownCommand extends UsageError<"unknown-command", { command: string; word: string }> {
  constructor(context: { command: string; word: string }, meant?: string) {
    super(
      "unknown-command",
      context,
      `Unknown command ${JSON.stringify(context.word)} of ${context.command}`,
      meant,
    );
  }
}

/** Finds `word` in `table` and loads it. @param command  Whose table it is. @throws {UnknownCommand} */
export async function loadCommand<Context>(
  table: CommandTable<Context>,
  word: string,
  command: string,
): Promise<Callable<Context>> {
  const entry = Object.hasOwn(table, word) ? table[word] : undefined;
  if (entry === undefined) {
    const known = Object.keys(table).filter((name) => table[name]?.hidden !== true);
    throw new UnknownCommand({ command, word }, closest(word, known));
  }
  return entry.load();
}
