/** `teu image prune`. Docker's words. */
import { print } from "../../base/index.ts";
import { openEngine, prune } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";
import { encodeSize } from "../text.ts";
import { untilOf } from "../until.ts";

export const command = teuCommand({
  name: "teu image prune",
  summary: "Remove content that no image leads to, and with --all images that no container has",
  flags: {
    all: { kind: "boolean", short: "a", summary: "Every image that no container has" },
    filter: { kind: "list", value: "until=TIME", summary: "Only what is older: a time, or 24h" },
    force: {
      kind: "boolean",
      short: "f",
      summary: "For scripts that are written for docker; nothing is asked",
    },
  },
  arguments: [],
  examples: [{ command: "teu image prune --all", says: "Leave what containers need" }],
  async run({ flags }, { environment }) {
    const until = untilOf(flags.filter);
    const store = await openEngine(environment);
    let bytes = 0;
    const kinds = new Set(flags.all ? (["image", "content"] as const) : (["content"] as const));
    for await (const gone of prune(store, {
      kinds,
      isDryRun: false,
      ...(until !== undefined && { until }),
    })) {
      if (gone.kind === "content") bytes += gone.bytes;
      else print(`Untagged: ${gone.name}\n`);
    }
    print(`Total reclaimed space: ${encodeSize(bytes)}\n`);
    return 0;
  },
});
