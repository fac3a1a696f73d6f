/** `teu system df`. Docker's columns. */
import { print } from "../../base/index.ts";
import { diskUsage, openEngine } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { encodeSize, encodeTable } from "../text.ts";

export const command = teuCommand({
  name: "teu system df",
  summary: "Show what takes how much room, and how much of that nobody needs",
  flags: {
    verbose: { kind: "boolean", short: "v", summary: "Show every image, container and volume" },
    json: JSON_FLAG,
  },
  arguments: [],
  examples: [{ command: "teu system df -v", says: "Find what fills the disk" }],
  async run({ flags }, { environment }) {
    const usage = diskUsage(await openEngine(environment));
    if (flags.json) {
      print(`${JSON.stringify(usage)}\n`);
      return 0;
    }
    print(
      encodeTable(
        ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"],
        usage.map(({ type, total, active, bytes, reclaimableBytes }) => [
          type,
          `${total}`,
          `${active}`,
          encodeSize(bytes),
          bytes === 0
            ? encodeSize(0)
            : `${encodeSize(reclaimableBytes)} (${Math.round((100 * reclaimableBytes) / bytes)}%)`,
        ]),
      ),
    );
    if (!flags.verbose) return 0;
    for (const { type, items } of usage) {
      const rows = items.map(({ name, bytes, isActive }) => [
        name,
        encodeSize(bytes),
        isActive ? "yes" : "no",
      ]);
      print(`\n${type}:\n${encodeTable(["NAME", "SIZE", "ACTIVE"], rows)}`);
    }
    return 0;
  },
});
