/** `teu unpack`: an image as a bundle that any OCI runtime runs. */
import { openEngine, unpackBundle } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";
import { PLATFORM_FLAG, platformOf, QUIET_FLAG, SIGNATURE_POLICY_FLAG } from "../image-flags.ts";
import { PROGRESS_FLAG, progressPrinter } from "../progress.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";

export const command = teuCommand({
  name: "teu unpack",
  summary: "Unpack an image to a bundle that any OCI runtime runs",
  description: `DIR is made; it holds rootfs, with every layer applied, and config.json, made from the image's config and docker's
defaults (no network but lo). The image is pulled when it is not here.`,
  flags: {
    platform: PLATFORM_FLAG,
    ...REGISTRY_FLAGS,
    "signature-policy": SIGNATURE_POLICY_FLAG,
    progress: PROGRESS_FLAG,
    quiet: QUIET_FLAG,
  },
  arguments: [{ name: "IMAGE" }, { name: "DIR" }],
  examples: [
    {
      command: "teu unpack debian ./box && runc run --bundle ./box box",
      says: "Run it with another runtime",
    },
    {
      command: "teu unpack debian ./box && teu runtime plan --bundle ./box",
      says: "See the system calls that make it",
    },
  ],
  async run(parsed, { environment }) {
    const {
      flags,
      arguments: [image = "", directory = ""],
    } = parsed;
    using progress = progressPrinter(flags);
    await unpackBundle(await openEngine(environment), image, directory, {
      platform: platformOf(flags.platform),
      access: registryAccess(parsed),
      signaturePolicy: flags["signature-policy"],
      onMissing: progress.missing,
      onProgress: progress.update,
    });
    return 0;
  },
});
