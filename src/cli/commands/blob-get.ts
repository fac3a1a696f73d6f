/** `teu blob get`: a blob, byte for byte. */
import { getRemoteBlob } from "../../engine/index.ts";
import { writeArchive } from "../archive-file.ts";
import { teuCommand } from "../context.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";

export const command = teuCommand({
  name: "teu blob get",
  summary: "Get a blob as it is",
  flags: {
    output: { kind: "string", short: "o", value: "FILE", summary: "Write FILE instead of standard output" },
    ...REGISTRY_FLAGS,
  },
  arguments: [{ name: "BLOB" }],
  examples: [{ command: "teu blob get registry.example/app@sha256:… | tar -tz", says: "What is in a layer" }],
  async run(parsed, { environment }) {
    const {
      flags,
      arguments: [blob = ""],
    } = parsed;
    const bytes = getRemoteBlob(blob, { access: registryAccess(parsed), environment });
    await writeArchive(flags.output, bytes, "blob get");
    return 0;
  },
});
