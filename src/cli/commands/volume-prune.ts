/** `teu volume prune`. */
import { print } from "../../base/index.ts";
import { openEngine, pruneVolumes } from "../../engine/index.ts";
import { confirm, FORCE_FLAG } from "../confirm.ts";
import { teuCommand } from "../context.ts";
import { encodeSize } from "../text.ts";
import { volumeFilter } from "../volume-filter.ts";

export const command = teuCommand({
  name: "teu volume prune",
  summary: "Remove volumes that no container has",
  flags: {
    all: { kind: "boolean", short: "a", summary: "Those with a name too" },
    filter: { kind: "list", value: "NAME=VALUE", summary: "Only those with: label, or without: label!" },
    force: FORCE_FLAG,
  },
  arguments: [],
  examples: [{ command: "teu volume prune", says: "Remove what containers that are gone have left" }],
  async run({ flags }, { environment }) {
    const isWanted = volumeFilter(flags.filter, ["label", "label!"]);
    confirm("volume prune", flags.force, [
      `${flags.all ? "all" : "anonymous"} local volumes not used by at least one container`,
    ]);
    const pruned = pruneVolumes(await openEngine(environment), { all: flags.all, isWanted });
    const bytes = pruned.reduce((sum, volume) => sum + volume.bytes, 0);
    if (pruned.length > 0) print(`Deleted Volumes:\n${pruned.map(({ name }) => `${name}\n`).join("")}\n`);
    print(`Total reclaimed space: ${encodeSize(bytes)}\n`);
    return 0;
  },
});
