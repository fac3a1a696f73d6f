/** runc's commands that are not built yet: known, so that the answer is not "no such command". */
import { Unsupported } from "../../base/index.ts";
import { containerArgument, runtimeCommand } from "./context.ts";

function notBuilt(name: string, summary: string): ReturnType<typeof runtimeCommand> {
  return runtimeCommand({
    name,
    summary,
    flags: {},
    arguments: [{ ...containerArgument, isOptional: true, isRepeated: true }],
    stopsAtArgument: true,
    examples: [],
    run() {
      throw new Unsupported({ what: `command ${name}`, why: "not built yet" });
    },
  });
}

export const checkpoint = notBuilt("checkpoint", "checkpoint a running container (not built yet)");
export const restore = notBuilt("restore", "restore a container from a checkpoint (not built yet)");
