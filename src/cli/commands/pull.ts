/** `teu pull`: gets an image from its registry. Docker's words. */
import { print, printError } from "../../base/index.ts";
import { listRemoteTags, openEngine, pull } from "../../engine/index.ts";
import { ALL_TAGS_FLAG, repositoryOf } from "../all-tags.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { PLATFORM_FLAG, platformOf, QUIET_FLAG, SIGNATURE_POLICY_FLAG } from "../image-flags.ts";
import { keepWithinBudget } from "../keep-budget.ts";
import { PROGRESS_FLAG, progressPrinter } from "../progress.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";

export const command = teuCommand({
  name: "teu pull",
  summary: "Get an image from its registry",
  flags: {
    "all-tags": ALL_TAGS_FLAG,
    platform: PLATFORM_FLAG,
    ...REGISTRY_FLAGS,
    "signature-policy": SIGNATURE_POLICY_FLAG,
    progress: PROGRESS_FLAG,
    quiet: QUIET_FLAG,
    json: JSON_FLAG,
  },
  arguments: [{ name: "IMAGE" }],
  examples: [
    { command: "teu pull debian:12", says: "From Docker Hub" },
    {
      command: "teu pull --platform linux/arm64 localhost:5000/app",
      says: "For another machine, from a registry next door",
    },
  ],
  async run(parsed, { environment }) {
    const {
      flags,
      arguments: [image = ""],
    } = parsed;
    const store = await openEngine(environment);
    const access = registryAccess(parsed);
    for (const name of flags["all-tags"] ? await allOf(image, { access, environment }) : [image]) {
      using progress = progressPrinter(flags);
      const { reference, digest } = await pull(store, name, {
        platform: platformOf(flags.platform),
        access,
        signaturePolicy: flags["signature-policy"],
        onProgress: progress.update,
      });
      progress[Symbol.dispose]();
      if (!flags.quiet && !flags.json) printError(`Digest: ${digest}\n`);
      print(flags.json ? `${JSON.stringify({ reference, digest })}\n` : `${reference}\n`);
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
