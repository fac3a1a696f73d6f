/** `create` and `run`, with nothing else of the runtime's commands. */
import { create } from "../command/create.ts";
import { runCommandLine } from "../command/main.ts";
import { run } from "../command/run.ts";
import type { RunAlone } from "./index.ts";

export const runAlone: RunAlone = (words, program, others) =>
  runCommandLine(
    words,
    program,
    {
      create: { summary: create.shape.summary, load: async () => create },
      run: { summary: run.shape.summary, load: async () => run },
    },
    others,
  );
