/** `teu network prune`. */
import { print, printError } from "../../base/index.ts";
import { collectPluginNetworks, describeNetworks, openEngine, pruneNetworks } from "../../engine/index.ts";
import { confirm, FORCE_FLAG } from "../confirm.ts";
import { teuCommand } from "../context.ts";
import { networkFilter } from "../network-filter.ts";

export const command = teuCommand({
  name: "teu network prune",
  summary:
    "Remove all networks that no container is in, with their bridges and rules; CNI plugins give back what is nobody's",
  flags: {
    filter: {
      kind: "list",
      value: "NAME=VALUE",
      summary: "Only those with: label, or without: label!; made before: until=TIME, or how long ago",
    },
    force: FORCE_FLAG,
  },
  arguments: [],
  examples: [{ command: "teu network prune", says: "Leave nothing on this machine that no container needs" }],
  async run({ flags }, { environment }) {
    const filter = networkFilter(flags.filter, ["label", "label!", "until"]);
    confirm("network prune", flags.force, ["all custom networks not used by at least one container"]);
    const store = await openEngine(environment);
    const wanted = new Set(
      describeNetworks(store)
        .filter(filter)
        .map(({ id }) => id),
    );
    for (const name of pruneNetworks(store, ({ id }) => wanted.has(id))) print(`${name}\n`);
    // What plugins keep has neither labels nor an age.
    const failures = flags.filter.length > 0 ? [] : await collectPluginNetworks(store);
    for (const failure of failures) printError(`WARNING: ${failure}\n`);
    return 0;
  },
});
