/** `teu manifest rm`: takes a tag away, or a manifest with all its tags. */
import { print } from "../../base/index.ts";
import { removeRemoteManifest } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";

export const command = teuCommand({
  name: "teu manifest rm",
  summary: "Remove a tag, or a manifest",
  description:
    "A tag goes alone, and the manifest stays; by its digest a manifest goes with all its tags. Space is free when the registry collects garbage.",
  flags: { ...REGISTRY_FLAGS },
  arguments: [{ name: "REFERENCE", isRepeated: true }],
  examples: [{ command: "teu manifest rm registry.example/app:old", says: "A tag that nobody needs" }],
  async run(parsed, { environment }) {
    const options = { access: registryAccess(parsed), environment };
    for (const reference of parsed.arguments) {
      await removeRemoteManifest(reference, options);
      print(`${reference}\n`);
    }
    return 0;
  },
});
