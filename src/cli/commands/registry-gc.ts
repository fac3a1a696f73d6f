/** `teu registry gc`: what nobody refers to goes, while the registry serves or while it does not. */
import { print } from "../../base/index.ts";
import { teuCommand } from "../context.ts";
import { operateRegistry, REGISTRY_FLAGS } from "../registry-operation.ts";
import { encodeSize } from "../text.ts";

export const command = teuCommand({
  name: "teu registry gc",
  summary: "Remove what nobody refers to",
  description: `Tags that the rules of retention let go, untagged manifests where the configuration says so, blobs that no manifest refers to, content that
no repository holds. A registry that is served does it itself, by its own configuration, and serves on meanwhile; what is younger
than the grace time stays.`,
  flags: {
    ...REGISTRY_FLAGS,
    "dry-run": { kind: "boolean", summary: "Remove nothing, tell what would go" },
    explain: { kind: "boolean", summary: "Tell of each thing why it goes" },
  },
  arguments: [],
  examples: [
    { command: "teu registry gc --dry-run --explain", says: "What would go, and why" },
    { command: "teu registry gc --root /srv/registry", says: "Of another registry" },
  ],
  async run({ flags }, context) {
    const isDryRun = flags["dry-run"];
    const operation = { name: "collect", isDryRun } as const;
    const result = await operateRegistry(
      flags,
      context,
      operation,
      ({ kind, repository, name, bytes, why }) => {
        if (!flags.explain) return undefined;
        const where = repository === undefined ? "" : `${repository}${kind === "tag" ? ":" : "@"}`;
        return `${kind}  ${where}${name}  ${encodeSize(Number(bytes))}  ${why}`;
      },
    );
    const { tags, manifests, blobs, bytes } = result;
    if (!flags.json)
      print(
        `${isDryRun ? "Would remove" : "Removed"} ${tags} tags, ${manifests} manifests, ${blobs} blobs; ${encodeSize(Number(bytes))} of content\n`,
      );
    return 0;
  },
});
