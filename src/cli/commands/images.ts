/** `teu images`: the images that are here. Docker's columns. */
import { print } from "../../base/index.ts";
import { type ImageSummary, listImages, openEngine } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { encodeAge, encodeSize, encodeTable } from "../text.ts";

export const command = teuCommand({
  name: "teu images",
  summary: "List images",
  description:
    "An image's ID is the digest of what its name points at, as at its registry. The size is that of its layers as stored.",
  flags: { quiet: { kind: "boolean", short: "q", summary: "Print IDs only" }, json: JSON_FLAG },
  arguments: [],
  examples: [{ command: "teu images --json", says: "For programs" }],
  async run({ flags }, { environment }) {
    const images = listImages(await openEngine(environment));
    if (flags.json) print(`${JSON.stringify(images)}\n`);
    else if (flags.quiet) print(images.map(({ id }) => `${shortID(id)}\n`).join(""));
    else print(encodeTable(["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"], images.map(row)));
    return 0;
  },
});

function row({ name, id, created, size }: ImageSummary): string[] {
  const [tagged = ""] = name.split("@");
  const at = tagged.lastIndexOf(":");
  const hasTag = at > tagged.lastIndexOf("/");
  const repository = hasTag ? tagged.slice(0, at) : tagged;
  // What has a digest is that image for ever, whatever its tag says today: docker shows none.
  const tag = hasTag && tagged === name ? tagged.slice(at + 1) : "<none>";
  const age = created === undefined ? "" : encodeAge(Date.parse(created), Date.now());
  const shownSize = size === undefined ? "not here" : encodeSize(size).replace(" ", "");
  return [repository, tag, shortID(id), age, shownSize];
}

function shortID(id: string): string {
  return id.slice(id.indexOf(":") + 1).slice(0, 12);
}
