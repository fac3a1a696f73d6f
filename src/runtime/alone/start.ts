/** `start`, with nothing else of the runtime's commands. */
import { runCommandLine } from "../command/main.ts";
import { start } from "../command/start.ts";
import type { RunAlone } from "./index.ts";

export const runAlone: RunAlone = (words, program, others) =>
  runCommandLine(
    words,
    program,
    { start: { summary: start.shape.summary, load: async () => start } },
    others,
  );
