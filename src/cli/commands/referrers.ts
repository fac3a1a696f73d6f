/** `teu referrers`: what refers to an image at its registry, as a list or as oras' tree. */
import { print } from "../../base/index.ts";
import { listRemoteReferrers } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { PLATFORM_FLAG, platformOf } from "../image-flags.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";
import { encodeSize, encodeTable, printable } from "../text.ts";

type Tree = Awaited<ReturnType<typeof listRemoteReferrers>>;

export const command = teuCommand({
  name: "teu referrers",
  summary: "List what refers to an image: signatures, bills of material, notes",
  description: "Of registries that keep no such lists, what clients keep under the tag sha256-… is listed.",
  flags: {
    "artifact-type": { kind: "string", value: "TYPE", summary: "Those of this type alone" },
    tree: { kind: "boolean", summary: "Also what refers to those, and so on" },
    platform: { ...PLATFORM_FLAG, summary: "Of the image of an index for this platform, not of the index" },
    ...REGISTRY_FLAGS,
    json: JSON_FLAG,
  },
  arguments: [{ name: "IMAGE" }],
  examples: [{ command: "teu referrers --tree registry.example/app:1", says: "Who has signed what" }],
  async run(parsed, { environment }) {
    const {
      flags,
      arguments: [image = ""],
    } = parsed;
    const tree = await listRemoteReferrers(image, {
      access: registryAccess(parsed),
      environment,
      artifactType: flags["artifact-type"],
      platform: platformOf(flags.platform),
      isDeep: flags.tree,
    });
    if (flags.json)
      print(`${JSON.stringify(flags.tree ? tree : tree.referrers.map(({ referrers: _, ...one }) => one))}\n`);
    else print(flags.tree ? `${tree.digest}\n${encodeBranches(tree, "")}` : encodeList(tree));
    return 0;
  },
});

function encodeList({ referrers }: Tree): string {
  return encodeTable(
    ["DIGEST", "ARTIFACT TYPE", "SIZE"],
    referrers.map(({ digest, artifactType = "", size }) => [
      digest,
      printable(artifactType),
      encodeSize(size),
    ]),
  );
}

function encodeBranches({ referrers }: Tree, indent: string): string {
  return referrers
    .map((one, at) => {
      const isLast = at === referrers.length - 1;
      const line = `${indent}${isLast ? "└── " : "├── "}${one.digest} ${printable(one.artifactType ?? "")}`;
      return `${line.trimEnd()}\n${encodeBranches(one, `${indent}${isLast ? "    " : "│   "}`)}`;
    })
    .join("");
}
