/** `teu pull`: gets an image from its registry. Docker's words. */
import { print, printError } from "../../base/index.ts";
import { openEngine, pull } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";
import {
  INSECURE_FLAG,
  PLATFORM_FLAG,
  platformOf,
  QUIET_FLAG,
  SIGNATURE_POLICY_FLAG,
} from "../image-flags.ts";
import { keepWithinBudget } from "../keep-budget.ts";
import { PROGRESS_FLAG, progressPrinter } from "../progress.ts";

export const command = teuCommand({
  name: "teu pull",
  summary: "Get an image from its registry",
  flags: {
    platform: PLATFORM_FLAG,
    insecure: INSECURE_FLAG,
    "signature-policy": SIGNATURE_POLICY_FLAG,
    progress: PROGRESS_FLAG,
    quiet: QUIET_FLAG,
  },
  arguments: [{ name: "IMAGE" }],
  examples: [
    { command: "teu pull debian:12", says: "From Docker Hub" },
    {
      command: "teu pull --platform linux/arm64 localhost:5000/app",
      says: "For another machine, from a registry next door",
    },
  ],
  async run({ flags, arguments: [image = ""] }, { environment }) {
    const store = await openEngine(environment);
    using progress = progressPrinter(flags);
    const { reference, digest } = await pull(store, image, {
      platform: platformOf(flags.platform),
      isInsecure: flags.insecure,
      signaturePolicy: flags["signature-policy"],
      onProgress: progress.update,
    });
    progress[Symbol.dispose]();
    if (!flags.quiet) printError(`Digest: ${digest}\n`);
    print(`${reference}\n`);
    await keepWithinBudget(store, true);
    return 0;
  },
});
