/** `teu history`: how an image came to be. Docker's columns. */
import { print } from "../../base/index.ts";
import { imageHistory, openEngine } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { PLATFORM_FLAG, platformOf } from "../image-flags.ts";
import { FORMAT_FLAG, formatList, formatOf } from "../template/list.ts";
import { encodeAge, encodeSize, encodeTable, printable } from "../text.ts";

const HEADINGS: Readonly<Record<string, string>> = {
  ID: "IMAGE",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  CreatedBy: "CREATED BY",
  Size: "SIZE",
  Comment: "COMMENT",
};
const COLUMNS = ["ID", "CreatedSince", "CreatedBy", "Size", "Comment"];
const WIDTH = 45;

export const command = teuCommand({
  name: "teu history",
  summary: "Show how an image came to be",
  description:
    "The last step comes first, with the image's ID. The size is that of the layer as stored; a step that made none has 0 B. --json tells the layers.",
  flags: {
    human: {
      kind: "string",
      short: "H",
      value: "true|false",
      bare: "true",
      default: "true",
      summary: "Sizes and times for people",
    },
    platform: PLATFORM_FLAG,
    quiet: { kind: "boolean", short: "q", summary: "Print IDs only" },
    format: FORMAT_FLAG,
    "no-trunc": { kind: "boolean", summary: "Cut nothing short" },
    json: JSON_FLAG,
  },
  arguments: [{ name: "IMAGE" }],
  examples: [{ command: "teu history --no-trunc debian", says: "Every step in full" }],
  async run({ flags, arguments: [name = ""] }, { environment }) {
    const format = formatOf(flags.format);
    const steps = imageHistory(await openEngine(environment), name, platformOf(flags.platform));
    if (flags.json) {
      print(`${JSON.stringify(steps)}\n`);
      return 0;
    }
    const rows = steps.map(({ image, created, createdBy, bytes, comment }) => {
      const line = printable(createdBy);
      const isLong = !flags["no-trunc"] && line.length > WIDTH;
      return {
        ID:
          image === undefined
            ? "<missing>"
            : flags["no-trunc"]
              ? image
              : image.slice(image.indexOf(":") + 1).slice(0, 12),
        CreatedSince:
          created === undefined || flags.human === "false"
            ? (created ?? "")
            : encodeAge(Date.parse(created), Date.now()),
        CreatedAt: created ?? "",
        CreatedBy: isLong ? `${line.slice(0, WIDTH - 1)}…` : line,
        Size: flags.human === "false" ? `${bytes}` : encodeSize(bytes).replace(" ", ""),
        Comment: printable(comment),
      };
    });
    if (flags.quiet) print(rows.map(({ ID }) => `${ID}\n`).join(""));
    else if (format !== undefined) print(formatList(format, rows, HEADINGS));
    else
      print(
        encodeTable(
          COLUMNS.map((key) => HEADINGS[key] ?? ""),
          rows.map((row) => COLUMNS.map((key) => row[key as keyof typeof row])),
        ),
      );
    return 0;
  },
});
