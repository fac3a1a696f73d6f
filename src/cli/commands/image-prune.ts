/** `teu image prune`. Docker's words. */
import { print } from "../../base/index.ts";
import { openEngine, prune } from "../../engine/index.ts";
import { confirm, FORCE_FLAG } from "../confirm.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { imageFilter } from "../image-filter.ts";
import { encodeSize } from "../text.ts";

export const command = teuCommand({
  name: "teu image prune",
  summary: "Remove content that no image leads to, and with --all images that no container has",
  flags: {
    all: { kind: "boolean", short: "a", summary: "Every image that no container has" },
    filter: {
      kind: "list",
      value: "NAME=VALUE",
      summary: "With --all only: until=TIME (or 24h), label=KEY[=VALUE], label!=KEY[=VALUE]",
    },
    "dry-run": { kind: "boolean", summary: "Tell which images would go, and remove nothing" },
    force: FORCE_FLAG,
    json: JSON_FLAG,
  },
  arguments: [],
  examples: [
    { command: "teu image prune --all", says: "Leave what containers need" },
    { command: "teu image prune -a --filter label!=keep --dry-run", says: "See what could go" },
  ],
  async run({ flags }, { environment }) {
    const { until, isLabelled } = imageFilter(flags.filter);
    const isDryRun = flags["dry-run"];
    confirm("image prune", flags.force || isDryRun, [
      flags.all ? "all images without at least one container associated to them" : "all dangling images",
    ]);
    const store = await openEngine(environment);
    let total = 0;
    const kinds = new Set(flags.all ? (["image", "content"] as const) : (["content"] as const));
    for await (const gone of prune(store, {
      kinds,
      isDryRun,
      isLabelled,
      ...(until !== undefined && { until }),
    })) {
      // Of an image it is what it shares, too: what goes is known in the end.
      if (isDryRun || gone.kind === "content") total += gone.bytes;
      if (flags.json) print(`${JSON.stringify(gone)}\n`);
      else if (gone.kind === "image") print(`${isDryRun ? "Would untag" : "Untagged"}: ${gone.name}\n`);
    }
    if (!flags.json) print(`Total ${isDryRun ? "reclaimable" : "reclaimed"} space: ${encodeSize(total)}\n`);
    return 0;
  },
});
