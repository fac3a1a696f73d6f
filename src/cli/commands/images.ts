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
  const at = name.lastIndexOf(":");
  const hasTag = !name.includes("@") && at > name.lastIndexOf("/");
  const repository = hasTag ? name.slice(0, at) : name.replace(/@.*/, "");
  const age = created === undefined ? "" : encodeAge(Date.parse(created), Date.now());
  const shownSize = size === undefined ? "not here" : encodeSize(size).replace(" ", "");
  return [repository, hasTag ? name.slice(at + 1) : "<none>", shortID(id), age, shownSize];
}

function shortID(id: string): string {
  return id.slice(id.indexOf(":") + 1).slice(0, 12);
}
