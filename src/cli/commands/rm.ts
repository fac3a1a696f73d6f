/** `teu rm`: takes containers away, with what they wrote. Docker's words. */
import { print } from "../../base/index.ts";
import { openEngine, removeContainers, removeLinks } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";
import { keepWithinBudget } from "../keep-budget.ts";

export const command = teuCommand({
  name: "teu rm",
  summary: "Remove containers",
  description: "A container is named by its name, its ID, or the beginning of its ID.",
  flags: {
    force: { kind: "boolean", short: "f", summary: "Kill those that run, and do not mind missing ones" },
    link: { kind: "boolean", short: "l", summary: "Remove links, CONTAINER/ALIAS, instead of containers" },
    volumes: { kind: "boolean", short: "v", summary: "Remove the volumes too that were made for them alone" },
  },
  arguments: [{ name: "CONTAINER", isRepeated: true }],
  examples: [
    { command: "teu rm web", says: "Remove the container called web, and what it wrote" },
    { command: "teu rm -f $(teu ps -aq)", says: "Remove all containers" },
  ],
  async run({ flags, arguments: names }, { environment }) {
    const store = await openEngine(environment);
    const { force, volumes } = flags;
    if (flags.link) {
      await removeLinks(store, names, (name) => print(`${name}\n`));
      return 0;
    }
    await removeContainers(store, names, { force, volumes, onRemoved: (name) => print(`${name}\n`) });
    await keepWithinBudget(store, false);
    return 0;
  },
});
