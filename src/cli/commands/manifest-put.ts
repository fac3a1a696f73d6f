/** `teu manifest put`: a manifest or index, byte for byte. */
import { readFile } from "node:fs/promises";
import { print } from "../../base/index.ts";
import { putRemoteManifest } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";

export const command = teuCommand({
  name: "teu manifest put",
  summary: "Put a manifest or index as it is",
  description:
    "What it refers to must be there already. Its type is what it says itself, unless --media-type says it.",
  flags: {
    "media-type": { kind: "string", value: "TYPE", summary: "Of what type it is" },
    ...REGISTRY_FLAGS,
    json: JSON_FLAG,
  },
  arguments: [{ name: "REFERENCE" }, { name: "FILE", isOptional: true }],
  examples: [
    {
      command: "teu manifest get registry.example/app:1 | teu manifest put registry.example/app:stable",
      says: "One more tag, without a byte of the image",
    },
  ],
  async run(parsed, { environment }) {
    const {
      flags,
      arguments: [reference = "", file = "-"],
    } = parsed;
    const bytes = file === "-" ? await Bun.stdin.bytes() : await readFile(file);
    const descriptor = await putRemoteManifest(reference, bytes, {
      access: registryAccess(parsed),
      environment,
      mediaType: flags["media-type"],
    });
    print(flags.json ? `${JSON.stringify(descriptor)}\n` : `${descriptor.digest}\n`);
    return 0;
  },
});
