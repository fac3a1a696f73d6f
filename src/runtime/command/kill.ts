/** `kill`: a signal for the container's process. Source: runtime-spec runtime.md, kill. */
import { killContainer, parseSignal } from "../kill.ts";
import { loadState } from "../state.ts";
import { containerArgument, runtimeCommand } from "./context.ts";

export const kill = runtimeCommand({
  name: "kill",
  summary: "send the specified signal (default: SIGTERM) to the container's init process",
  flags: {
    all: { kind: "boolean", short: "a", summary: "send it to all processes of the container", hidden: true },
  },
  arguments: [containerArgument, { name: "signal", isOptional: true }],
  examples: [{ command: "runc kill ubuntu01 KILL", says: "End the init process of a container at once" }],
  run({ flags: { all }, arguments: [id = "", signal = ""] }, { root }) {
    // That the container exists is said before that the signal does not: runc's order.
    loadState(root, id);
    killContainer(root, id, parseSignal(signal || "SIGTERM"), { all });
    return 0;
  },
});
