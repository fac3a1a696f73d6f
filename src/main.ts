/**
 * The executable's entry: one program, several names. `teu-runtime` (or `runc`, when linked under that name) is the
 * runtime; every other name is `teu`. Nothing is loaded before it is known to be needed: start-up has a benchmark.
 */
import { endProgram } from "./base/index.ts";
import { runRuntime } from "./runtime/alone/index.ts";

/** Under these names the program is the runtime alone, with runc's command line. */
const RUNTIME_NAMES: readonly string[] = ["teu-runtime", "runc"];

async function run(invokedAs: string, words: readonly string[]): Promise<number> {
  const name = invokedAs.slice(invokedAs.lastIndexOf("/") + 1);
  const isRuntime = RUNTIME_NAMES.includes(name);
  if (!isRuntime && words[0] !== "runtime") return (await import("./cli/index.ts")).main(name, words);
  return isRuntime ? runRuntime(words, name) : runRuntime(words.slice(1), "teu runtime");
}

// Exit at once: all output has been written when a command returns, and a read from a terminal would keep us waiting.
endProgram(await run(process.argv0, process.argv.slice(2)));
