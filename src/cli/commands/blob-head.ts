/** `teu blob head`: whether a blob is there, and how large it is. */
import { print } from "../../base/index.ts";
import { statRemoteBlob } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";

export const command = teuCommand({
  name: "teu blob head",
  summary: "Show how large a blob is",
  description: "Status 1 where it is not there.",
  flags: { ...REGISTRY_FLAGS, json: JSON_FLAG },
  arguments: [{ name: "BLOB" }],
  examples: [{ command: "teu blob head registry.example/app@sha256:…", says: "In bytes" }],
  async run(parsed, { environment }) {
    const {
      flags,
      arguments: [blob = ""],
    } = parsed;
    const found = await statRemoteBlob(blob, { access: registryAccess(parsed), environment });
    print(flags.json ? `${JSON.stringify(found)}\n` : `${found.size}\n`);
    return 0;
  },
});
