/** `teu container prune`. Docker's words. */
import { print } from "../../base/index.ts";
import { openEngine, prune } from "../../engine/index.ts";
import { confirm, FORCE_FLAG } from "../confirm.ts";
import { teuCommand } from "../context.ts";
import { encodeSize } from "../text.ts";
import { untilOf } from "../until.ts";

export const command = teuCommand({
  name: "teu container prune",
  summary: "Remove all containers that have ended",
  flags: {
    filter: { kind: "list", value: "until=TIME", summary: "Only what is older: a time, or 24h" },
    force: FORCE_FLAG,
  },
  arguments: [],
  examples: [{ command: "teu container prune --filter until=24h", says: "Those of before yesterday" }],
  async run({ flags }, { environment }) {
    const until = untilOf(flags.filter);
    confirm("container prune", flags.force, ["all stopped containers"]);
    const store = await openEngine(environment);
    let bytes = 0;
    const options = {
      kinds: new Set(["container"] as const),
      isDryRun: false,
      ...(until !== undefined && { until }),
    };
    for await (const gone of prune(store, options)) {
      bytes += gone.bytes;
      print(`${gone.name}\n`);
    }
    print(`Total reclaimed space: ${encodeSize(bytes)}\n`);
    return 0;
  },
});
