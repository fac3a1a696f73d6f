/**
 * The executable's entry: one program, several names. `teu-runtime` (or `runc`, when linked under that name) is the
 * runtime; every other name is `teu`. Nothing is loaded before it is known to be needed: start-up has a benchmark.
 */
import { endProgram } from "./base/index.ts";
import { main } from "./cli/index.ts";

// Exit at once: all output has been written when a command returns, and a read from a terminal would keep us waiting.
endProgram(await main(process.argv0, process.argv.slice(2)));
