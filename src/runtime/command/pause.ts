/** `pause` and `resume`: all processes of a container stop where they are, and go on. */
import { pauseContainer, resumeContainer } from "../pause.ts";
import { containerArgument, runtimeCommand } from "./context.ts";

export const pause = runtimeCommand({
  name: "pause",
  summary: "suspend all processes inside the container",
  flags: {},
  arguments: [containerArgument],
  examples: [{ command: "runc pause ubuntu01", says: "Suspend a container" }],
  run({ arguments: [id = ""] }, { root }) {
    pauseContainer(root, id);
    return 0;
  },
});

export const resume = runtimeCommand({
  name: "resume",
  summary: "resume all processes that have been previously paused",
  flags: {},
  arguments: [containerArgument],
  examples: [{ command: "runc resume ubuntu01", says: "Let a suspended container go on" }],
  run({ arguments: [id = ""] }, { root }) {
    resumeContainer(root, id);
    return 0;
  },
});
