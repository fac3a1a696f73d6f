/** A command line that has some commands alone, with all that they need. */
import type { Callable } from "../../base/index.ts";
import type { RuntimeContext } from "./context.ts";
import { runCommandLine } from "./main.ts";

/** Runs a command line whose command it has; `others` runs any other, and tells what is wrong with the words before it. */
export type RunAlone = (
  words: readonly string[],
  program: string,
  others: () => Promise<number>,
) => Promise<number>;

/** @param commands  By their words. */
export function only(commands: Readonly<Record<string, Callable<RuntimeContext>>>): RunAlone {
  const table = Object.fromEntries(
    Object.entries(commands).map(([word, command]) => [
      word,
      { summary: command.shape.summary, load: async () => command },
    ]),
  );
  return (words, program, others) => runCommandLine(words, program, table, others);
}
