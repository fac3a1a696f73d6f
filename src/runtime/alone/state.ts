/** `state`, with nothing else of the runtime's commands. */
import { runCommandLine } from "../command/main.ts";
import { state } from "../command/state.ts";
import type { RunAlone } from "./index.ts";

export const runAlone: RunAlone = (words, program, others) =>
  runCommandLine(
    words,
    program,
    { state: { summary: state.shape.summary, load: async () => state } },
    others,
  );
