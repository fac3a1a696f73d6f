/** `teu update`. Docker's flags. */
import { print } from "../../base/index.ts";
import {
  forEachName,
  InvalidOption,
  openEngine,
  parseRestartPolicy,
  updateContainer,
} from "../../engine/index.ts";
import { teuCommand } from "../context.ts";
import { resourcesOf, UPDATE_FLAGS } from "../resource-flags.ts";

export const command = teuCommand({
  name: "teu update",
  summary: "Change the limits and the restart policy of containers",
  description: "Of those that run at once, and for their next starts.",
  flags: {
    ...UPDATE_FLAGS,
    restart: {
      kind: "string",
      value: "POLICY",
      summary: "no, always, unless-stopped, on-failure[:ATTEMPTS]",
    },
  },
  arguments: [{ name: "CONTAINER", isRepeated: true }],
  examples: [{ command: "teu update -m 1g --restart always web", says: "More memory, and for ever" }],
  async run({ flags, arguments: names }, { environment }) {
    const { restart } = flags;
    const resources = resourcesOf(flags);
    const request = {
      resources,
      ...(restart !== undefined && { restart: parseRestartPolicy(restart) ?? null }),
    };
    if (restart === undefined && Object.keys(resources).length === 0)
      throw new InvalidOption(
        { option: "--memory", value: "" },
        "you must provide one or more flags when using this command",
      );
    const store = await openEngine(environment);
    await forEachName(names, async (name) => {
      await updateContainer(store, name, request);
      print(`${name}\n`);
    });
    return 0;
  },
});
