/** `teu runtime`: the runtime's own command line, which has its own flags, help and words for errors: runc's. */
import type { Callable } from "../../base/index.ts";
import { runRuntimeCommand } from "../../runtime/command/index.ts";
import type { CliContext } from "../context.ts";

export const command: Callable<CliContext> = {
  shape: {
    name: "teu runtime",
    summary: "Create, start and remove containers of bundles, as runc does",
    flags: {},
    arguments: [],
    examples: [],
  },
  call: (words) => runRuntimeCommand(words, "teu runtime"),
};
