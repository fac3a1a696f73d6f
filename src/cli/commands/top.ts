/** `teu top`. Docker's words. */
import { print } from "../../base/index.ts";
import { listProcesses, openEngine } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu top",
  summary: "Show the processes of a container",
  description:
    "They are shown by this machine's ps, with its options and as it counts; -ef where none are given. The PID column has to be among what is asked for.",
  flags: {},
  arguments: [{ name: "CONTAINER" }, { name: "OPTION", isOptional: true, isRepeated: true }],
  stopsAtArgument: true,
  examples: [{ command: "teu top web -o pid,rss,args", says: "See what takes memory" }],
  async run({ arguments: [container = "", ...words] }, { environment }) {
    print(await listProcesses(await openEngine(environment), container, words));
    return 0;
  },
});
