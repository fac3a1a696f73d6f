/** `teu blob put`: a file as a blob. */
import { print } from "../../base/index.ts";
import { putRemoteBlob } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";

export const command = teuCommand({
  name: "teu blob put",
  summary: "Put a file as a blob",
  flags: { ...REGISTRY_FLAGS, json: JSON_FLAG },
  arguments: [{ name: "REPOSITORY" }, { name: "FILE", isOptional: true }],
  examples: [{ command: "teu blob put registry.example/app layer.tar.gz", says: "And see its digest" }],
  async run(parsed, { environment }) {
    const {
      flags,
      arguments: [repository = "", file = "-"],
    } = parsed;
    const options = { access: registryAccess(parsed), environment };
    const blob = await putRemoteBlob(repository, file === "-" ? undefined : file, options);
    print(flags.json ? `${JSON.stringify(blob)}\n` : `${blob.digest}\n`);
    return 0;
  },
});
