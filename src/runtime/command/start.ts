/** `start`: lets a created container run its program. Source: runtime-spec runtime.md, start. */
import { startContainer } from "../machine/start.ts";
import { containerArgument, runtimeCommand } from "./context.ts";

export const start = runtimeCommand({
  name: "start",
  summary: "execute the user defined process in a created container",
  flags: {},
  arguments: [containerArgument],
  examples: [{ command: "runc start ubuntu01", says: "Start a container that has been created" }],
  run({ arguments: [id = ""] }, { root }) {
    startContainer(root, id);
    return 0;
  },
});
