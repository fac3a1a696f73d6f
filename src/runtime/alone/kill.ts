/** `kill`, with nothing else of the runtime's commands. */
import { kill } from "../command/kill.ts";
import { runCommandLine } from "../command/main.ts";
import type { RunAlone } from "./index.ts";

export const runAlone: RunAlone = (words, program, others) =>
  runCommandLine(words, program, { kill: { summary: kill.shape.summary, load: async () => kill } }, others);
