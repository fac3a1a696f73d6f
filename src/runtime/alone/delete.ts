/** `delete`, with nothing else of the runtime's commands. */
import { remove } from "../command/delete.ts";
import { runCommandLine } from "../command/main.ts";
import type { RunAlone } from "./index.ts";

export const runAlone: RunAlone = (words, program, others) =>
  runCommandLine(
    words,
    program,
    { delete: { summary: remove.shape.summary, load: async () => remove } },
    others,
  );
