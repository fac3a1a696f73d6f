/** `teu start`: starts containers that have ended once more. Docker's flags. */
import { print } from "../../base/index.ts";
import { forEachName, InvalidOption, openEngine, restartContainer } from "../../engine/index.ts";
import { ATTACH_FLAGS, attachOptions } from "../attach-flags.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu start",
  summary: "Start containers once more",
  description:
    "What they wrote to their files is still there. With -a teu stays, and its exit status is the program's.",
  flags: {
    attach: { kind: "boolean", short: "a", summary: "Show what the container writes" },
    ...ATTACH_FLAGS,
    interactive: { kind: "boolean", short: "i", summary: "Give it our input, if it was made with -i" },
  },
  arguments: [{ name: "CONTAINER", isRepeated: true }],
  examples: [{ command: "teu start -ai shell", says: "Go back into a shell" }],
  async run({ flags, arguments: names }, { environment }) {
    const store = await openEngine(environment);
    const attach =
      flags.attach || flags.interactive
        ? { ...attachOptions(flags), readsInput: flags.interactive }
        : undefined;
    if (attach !== undefined && names.length > 1)
      throw new InvalidOption(
        { option: "CONTAINER", value: names.join(" ") },
        "you cannot start and attach multiple containers at once",
      );
    let status = 0;
    await forEachName(names, async (name) => {
      status = await restartContainer(store, name, attach);
      if (attach === undefined) print(`${name}\n`);
    });
    return status;
  },
});
