/** `teu system df`. Docker's columns. */
import { print } from "../../base/index.ts";
import { diskUsage, InvalidOption, openEngine, type UsageOfKind } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { FORMAT_FLAG, formatList, formatOf } from "../template/list.ts";
import { encodeSize, encodeTable } from "../text.ts";

/** Docker's fields, in the order of its columns. */
const HEADINGS = {
  Type: "TYPE",
  TotalCount: "TOTAL",
  Active: "ACTIVE",
  Size: "SIZE",
  Reclaimable: "RECLAIMABLE",
} as const;

export const command = teuCommand({
  name: "teu system df",
  summary: "Show what takes how much room, and how much of that nobody needs",
  flags: {
    verbose: { kind: "boolean", short: "v", summary: "Show every image, container and volume" },
    format: FORMAT_FLAG,
    json: JSON_FLAG,
  },
  arguments: [],
  examples: [{ command: "teu system df -v", says: "Find what fills the disk" }],
  async run({ flags }, { environment }) {
    const format = formatOf(flags.format);
    if (flags.verbose && format !== undefined)
      throw new InvalidOption(
        { option: "--format", value: format },
        "the verbose and the format options conflict",
      );
    const usage = diskUsage(await openEngine(environment));
    if (flags.json) {
      print(`${JSON.stringify(usage)}\n`);
      return 0;
    }
    const rows = usage.map(fieldsOf);
    if (format !== undefined) print(formatList(format, rows, HEADINGS));
    else print(encodeTable(Object.values(HEADINGS), rows.map(Object.values)));
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

function fieldsOf({
  type,
  total,
  active,
  bytes,
  reclaimableBytes,
}: UsageOfKind): Record<keyof typeof HEADINGS, string> {
  const share = bytes === 0 ? "" : ` (${Math.round((100 * reclaimableBytes) / bytes)}%)`;
  return {
    Type: type,
    TotalCount: `${total}`,
    Active: `${active}`,
    Size: encodeSize(bytes).replace(" ", ""),
    Reclaimable: `${encodeSize(reclaimableBytes).replace(" ", "")}${share}`,
  };
}
