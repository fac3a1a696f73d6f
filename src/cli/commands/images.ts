/** `teu images`: the images that are here. Docker's columns. */
import { print } from "../../base/index.ts";
import { type ImageSummary, listImages, openEngine } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { builtAt, imageListFilter, isNamed } from "../image-list-filter.ts";
import { FORMAT_FLAG, formatList, formatOf } from "../template/list.ts";
import { encodeAge, encodeMoment, encodeSize, encodeTable } from "../text.ts";

export const command = teuCommand({
  name: "teu images",
  summary: "List images, the newest first",
  description:
    "An image's ID is the digest of what its name points at, as at its registry. The size is that of its layers as stored.",
  flags: {
    all: {
      kind: "boolean",
      short: "a",
      summary: "For scripts that are written for docker: every image is shown anyhow",
      hidden: true,
    },
    digests: { kind: "boolean", summary: "Show digests" },
    filter: {
      kind: "list",
      short: "f",
      value: "NAME=VALUE",
      summary: "Only those with: reference, label, before, since, until, dangling",
    },
    format: FORMAT_FLAG,
    "no-trunc": { kind: "boolean", summary: "Cut nothing short" },
    quiet: { kind: "boolean", short: "q", summary: "Print IDs only" },
    json: JSON_FLAG,
  },
  arguments: [{ name: "REPOSITORY[:TAG]", isOptional: true }],
  examples: [{ command: "teu images --json", says: "For programs" }],
  async run({ flags, arguments: [pattern] }, { environment }) {
    const format = formatOf(flags.format);
    const all = listImages(await openEngine(environment));
    const isWanted = imageListFilter(flags.filter, all);
    const images = all
      .filter((image) => isWanted(image) && (pattern === undefined || isNamed(image, pattern)))
      .sort((a, b) => builtAt(b) - builtAt(a)); // those of one moment stay by name
    const columns = flags.digests ? [...COLUMNS.slice(0, 2), "Digest", ...COLUMNS.slice(2)] : COLUMNS;
    if (flags.json) print(`${JSON.stringify(images)}\n`);
    else if (flags.quiet) print(images.map(({ id }) => `${flags["no-trunc"] ? id : shortID(id)}\n`).join(""));
    else if (format !== undefined)
      print(
        formatList(
          format,
          images.map((image) => fieldsOf(image, flags["no-trunc"])),
          HEADINGS,
        ),
      );
    else
      print(
        encodeTable(
          columns.map((key) => HEADINGS[key] ?? ""),
          images.map((image) => {
            const fields = fieldsOf(image, flags["no-trunc"]);
            return columns.map((key) => fields[key] ?? "");
          }),
        ),
      );
    return 0;
  },
});

/** Docker's placeholders, and what stands above each in a table. */
const HEADINGS: Readonly<Record<string, string>> = {
  Repository: "REPOSITORY",
  Tag: "TAG",
  Digest: "DIGEST",
  ID: "IMAGE ID",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  Size: "SIZE",
  VirtualSize: "SIZE",
  SharedSize: "SHARED SIZE",
  UniqueSize: "UNIQUE SIZE",
  Containers: "CONTAINERS",
};
const COLUMNS = ["Repository", "Tag", "ID", "CreatedSince", "Size"];

function fieldsOf({ name, id, created, size }: ImageSummary, isWhole: boolean): Record<string, string> {
  const [tagged = ""] = name.split("@");
  const at = tagged.lastIndexOf(":");
  const hasTag = at > tagged.lastIndexOf("/");
  const repository = hasTag ? tagged.slice(0, at) : tagged;
  // What has a digest is that image for ever, whatever its tag says today: docker shows none.
  const tag = hasTag && tagged === name ? tagged.slice(at + 1) : "<none>";
  const age = created === undefined ? "" : encodeAge(Date.parse(created), Date.now());
  const shownSize = size === undefined ? "not here" : encodeSize(size).replace(" ", "");
  return {
    Repository: repository,
    Tag: tag,
    Digest: id,
    ID: isWhole ? id : shortID(id),
    CreatedSince: age,
    CreatedAt: created === undefined ? "" : encodeMoment(Date.parse(created)),
    Size: shownSize,
    VirtualSize: shownSize,
    // A list does not count them: `teu system df -v` does.
    ...{ SharedSize: "N/A", UniqueSize: "N/A", Containers: "N/A" },
  };
}

function shortID(id: string): string {
  return id.slice(id.indexOf(":") + 1).slice(0, 12);
}
