/** `teu manifest head`: which digest a name has, without getting anything. */
import { print } from "../../base/index.ts";
import { statRemoteManifest } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";

export const command = teuCommand({
  name: "teu manifest head",
  summary: "Show which digest a name has",
  flags: { ...REGISTRY_FLAGS, json: JSON_FLAG },
  arguments: [{ name: "REFERENCE" }],
  examples: [
    { command: "teu manifest head debian:12", says: "Without a pull, which Docker Hub would count" },
  ],
  async run(parsed, { environment }) {
    const {
      flags,
      arguments: [reference = ""],
    } = parsed;
    const descriptor = await statRemoteManifest(reference, { access: registryAccess(parsed), environment });
    print(flags.json ? `${JSON.stringify(descriptor)}\n` : `${descriptor.digest}\n`);
    return 0;
  },
});
