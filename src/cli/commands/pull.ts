/** `teu pull`: gets an image from its registry. Docker's words. */
import { print, printError } from "../../base/index.ts";
import { listRemoteTags, openEngine, pull } from "../../engine/index.ts";
import { ALL_TAGS_FLAG, repositoryOf } from "../all-tags.ts";
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
    "all-tags": ALL_TAGS_FLAG,
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
    const isInsecure = flags.insecure;
    for (const name of flags["all-tags"]
      ? await allOf(image, { access: { isInsecure }, environment })
      : [image]) {
      using progress = progressPrinter(flags);
      const { reference, digest } = await pull(store, name, {
        platform: platformOf(flags.platform),
        isInsecure,
        signaturePolicy: flags["signature-policy"],
        onProgress: progress.update,
      });
      progress[Symbol.dispose]();
      if (!flags.quiet) printError(`Digest: ${digest}\n`);
      print(`${reference}\n`);
    }
    await keepWithinBudget(store, true);
    return 0;
  },
});

/** By tag. */
async function allOf(text: string, options: Parameters<typeof listRemoteTags>[1]): Promise<string[]> {
  const repository = repositoryOf(text);
  const tags = await Array.fromAsync(listRemoteTags(repository, options));
  return tags.map((tag) => `${repository}:${tag}`);
}
