/** `teu healthcheck`: checks by hand. Podman's words and exit statuses. */
import { print } from "../../base/index.ts";
import { checkByHand, openEngine } from "../../engine/index.ts";
import { commandGroup, teuCommand } from "../context.ts";

const runCommand = teuCommand({
  name: "teu healthcheck run",
  summary: "Check a container once",
  description:
    "The exit status is 0 where it is well, 1 where it is not. The result counts as one of its own checks.",
  flags: {},
  arguments: [{ name: "CONTAINER" }],
  examples: [{ command: "teu healthcheck run web", says: "Ask now, not in half a minute" }],
  async run({ arguments: [name = ""] }, { environment }) {
    if (await checkByHand(await openEngine(environment), name)) return 0;
    print("unhealthy\n");
    return 1;
  },
});

export const command = commandGroup(
  { name: "teu healthcheck", summary: "Find out whether a container works", description: "", examples: [] },
  { run: { summary: "Check a container once", load: async () => runCommand } },
);
