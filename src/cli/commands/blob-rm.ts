/** `teu blob rm`: takes blobs away. */
import { print } from "../../base/index.ts";
import { removeRemoteBlob } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";

export const command = teuCommand({
  name: "teu blob rm",
  summary: "Remove a blob",
  description: "Images that need it are broken then: registries collect by themselves what nobody needs.",
  flags: { ...REGISTRY_FLAGS },
  arguments: [{ name: "BLOB", isRepeated: true }],
  examples: [{ command: "teu blob rm registry.example/app@sha256:…", says: "What must not stay there" }],
  async run(parsed, { environment }) {
    const options = { access: registryAccess(parsed), environment };
    for (const blob of parsed.arguments) {
      await removeRemoteBlob(blob, options);
      print(`${blob}\n`);
    }
    return 0;
  },
});
