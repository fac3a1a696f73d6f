/** `teu push`: puts an image into the registry that its name names. Docker's words. */
import { print, printError } from "../../base/index.ts";
import { listImages, openEngine, push, type Store } from "../../engine/index.ts";
import { encodeReference, parseReference } from "../../spec/index.ts";
import { ALL_TAGS_FLAG, repositoryOf } from "../all-tags.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { PLATFORM_FLAG, platformOf, QUIET_FLAG } from "../image-flags.ts";
import { PROGRESS_FLAG, progressPrinter } from "../progress.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";
import { SIGN_FLAGS, signersOf } from "../sign-flags.ts";

export const command = teuCommand({
  name: "teu push",
  summary: "Put an image into the registry that its name names",
  flags: {
    "all-tags": ALL_TAGS_FLAG,
    platform: PLATFORM_FLAG,
    ...REGISTRY_FLAGS,
    ...SIGN_FLAGS,
    progress: PROGRESS_FLAG,
    quiet: QUIET_FLAG,
    json: JSON_FLAG,
  },
  arguments: [{ name: "IMAGE" }],
  examples: [
    {
      command: "teu tag app localhost:5000/app && teu push localhost:5000/app",
      says: "To a registry next door",
    },
    {
      command: "teu push --sign-by release@example.org registry.example.org/app:1",
      says: "So that a policy's signedBy accepts it, of podman's and skopeo's too",
    },
  ],
  async run(parsed, { environment }) {
    const {
      flags,
      arguments: [image = ""],
    } = parsed;
    const signers = await signersOf({ flags }, environment);
    const access = registryAccess(parsed);
    const store = await openEngine(environment);
    for (const name of flags["all-tags"] ? allOf(store, image) : [image]) {
      using progress = progressPrinter(flags);
      const pushed = await push(store, name, {
        platform: platformOf(flags.platform),
        access,
        signers,
        onProgress: progress.update,
      });
      progress[Symbol.dispose]();
      if (pushed.insteadOf !== undefined)
        printError(
          `Not all platforms of ${pushed.insteadOf} are here: pushed the one that is, under its own digest\n`,
        );
      const { reference, digest, size } = pushed;
      print(
        flags.json
          ? `${JSON.stringify({ reference, digest, size })}\n`
          : `${reference}: digest: ${digest} size: ${size}\n`,
      );
    }
    return 0;
  },
});

/** Those that are here, by tag; none: the repository itself, of which it is said that it is not here. */
function allOf(store: Store, text: string): string[] {
  const repository = repositoryOf(text);
  const names = listImages(store)
    .map(({ name }) => encodeReference(parseReference(name)))
    .filter((name) => name.startsWith(`${repository}:`));
  return names.length === 0 ? [repository] : names;
}
