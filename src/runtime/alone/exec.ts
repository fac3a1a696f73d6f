/** `exec`, with nothing else of the runtime's commands. */
import { exec } from "../command/exec.ts";
import { runCommandLine } from "../command/main.ts";
import type { RunAlone } from "./index.ts";

export const runAlone: RunAlone = (words, program, others) =>
  runCommandLine(words, program, { exec: { summary: exec.shape.summary, load: async () => exec } }, others);
