/** `teu manifest get`: a manifest or index, byte for byte. */
import { writeAll } from "../../base/index.ts";
import { getRemoteConfig, getRemoteManifest } from "../../engine/index.ts";
import { writeArchive } from "../archive-file.ts";
import { teuCommand } from "../context.ts";
import { PLATFORM_FLAG, platformOf } from "../image-flags.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";

export const command = teuCommand({
  name: "teu manifest get",
  summary: "Print a manifest or index as it is",
  description:
    "Byte for byte, so that it hashes to its digest. An index is printed as such, unless --platform chooses one of its manifests.",
  flags: {
    config: { kind: "boolean", summary: "Print the config of the image instead" },
    platform: PLATFORM_FLAG,
    output: { kind: "string", short: "o", value: "FILE", summary: "Write FILE instead of standard output" },
    ...REGISTRY_FLAGS,
  },
  arguments: [{ name: "REFERENCE" }],
  examples: [
    { command: "teu manifest get --platform linux/arm64 debian:12", says: "The one of an index" },
    {
      command: "teu manifest get --config debian:12",
      says: "What its containers run, and who made it, without a pull",
    },
  ],
  async run(parsed, { environment }) {
    const {
      flags,
      arguments: [reference = ""],
    } = parsed;
    const platform = platformOf(flags.platform);
    const options = { access: registryAccess(parsed), environment, platform };
    const get = flags.config ? getRemoteConfig : getRemoteManifest;
    const { bytes } = await get(reference, options);
    if (flags.output === undefined) writeAll(1, bytes);
    else await writeArchive(flags.output, [bytes]);
    return 0;
  },
});
