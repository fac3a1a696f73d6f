/** `delete`: removes what create made. Source: runtime-spec runtime.md, delete. */
import { deleteContainer } from "../delete.ts";
import { containerArgument, runtimeCommand } from "./context.ts";
import { logWarning } from "./log.ts";
import { unitStopper } from "./units.ts";
import { wordsOf } from "./wording.ts";

export const remove = runtimeCommand({
  name: "delete",
  summary: "delete any resources held by the container, often used with detached containers",
  flags: {
    force: {
      kind: "boolean",
      short: "f",
      summary: "forcibly delete the container if it is still running (uses SIGKILL)",
    },
  },
  arguments: [containerArgument],
  examples: [{ command: "runc delete ubuntu01", says: "Delete a container that has stopped" }],
  async run({ flags: { force }, arguments: [id = ""] }, { root, program, log }) {
    const onWarning = (error: unknown): void => logWarning(log, program, wordsOf(error));
    deleteContainer(root, id, { force, onWarning, ...(await unitStopper(root, id)) });
    return 0;
  },
});
