/** `teu commit`. Docker's flags. */
import { print, Unsupported } from "../../base/index.ts";
import { commitContainer, findContainer, openEngine, parseConfigChange } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";
import { sourceDateEpoch } from "../source-date.ts";

export const command = teuCommand({
  name: "teu commit",
  summary: "Make an image of what a container has written",
  flags: {
    author: { kind: "string", short: "a", value: "TEXT", summary: "Whose image it is" },
    change: {
      kind: "list",
      short: "c",
      value: "INSTRUCTION",
      summary: "Change its config: CMD, ENV, USER, …",
    },
    message: { kind: "string", short: "m", value: "TEXT", summary: "What was done" },
    "no-pause": { kind: "boolean", summary: "The same as --pause=false" },
    pause: {
      kind: "boolean",
      short: "p",
      summary: "Have it stand still meanwhile",
      default: true,
    },
  },
  arguments: [{ name: "CONTAINER" }, { name: "IMAGE", isOptional: true }],
  examples: [
    { command: `teu commit -c 'CMD ["serve"]' web web:patched`, says: "Keep what was changed by hand" },
  ],
  async run({ flags, arguments: [name = "", reference] }, { environment }) {
    const store = await openEngine(environment);
    findContainer(store, name); // what is wrong with the first word is told first
    if (reference === undefined)
      throw new Unsupported({ what: "commit without a name", why: "an image without a name is not kept" });
    const changes = flags.change.map(parseConfigChange);
    const { author, message } = flags;
    const digest = await commitContainer(store, name, {
      ...{
        reference,
        changes,
        pauses: flags.pause && !flags["no-pause"],
        sourceDateEpoch: sourceDateEpoch({ environment }),
      },
      ...(author !== undefined && { author }),
      ...(message !== undefined && { message }),
    });
    print(`${digest}\n`);
    return 0;
  },
});
