/** `teu create`: a container for `teu start`. Docker's flags. */
import { print, printError } from "../../base/index.ts";
import { createFromImage, openEngine } from "../../engine/index.ts";
import { CONTAINER_FLAGS, containerRequest } from "../container-flags.ts";
import { teuCommand } from "../context.ts";
import { warningsOf } from "../flag-checks.ts";
import {
  INSECURE_FLAG,
  PLATFORM_FLAG,
  PULL_FLAG,
  platformOf,
  pullPolicyOf,
  QUIET_FLAG,
  SIGNATURE_POLICY_FLAG,
} from "../image-flags.ts";
import { PROGRESS_FLAG, progressPrinter } from "../progress.ts";

export const command = teuCommand({
  name: "teu create",
  summary: "Make a container, and start nothing in it",
  description:
    "The image is pulled when it is not here. 'teu start' starts the container; what 'teu run' says of the flags holds here too.",
  flags: {
    ...CONTAINER_FLAGS,
    platform: PLATFORM_FLAG,
    pull: PULL_FLAG,
    insecure: INSECURE_FLAG,
    "signature-policy": SIGNATURE_POLICY_FLAG,
    progress: PROGRESS_FLAG,
    quiet: QUIET_FLAG,
  },
  arguments: [
    { name: "IMAGE" },
    { name: "COMMAND", isOptional: true },
    { name: "ARG", isOptional: true, isRepeated: true },
  ],
  stopsAtArgument: true,
  examples: [
    { command: "teu create --name web -p 8080:80 nginx", says: "Prepare a server, for 'teu start web'" },
  ],
  async run({ flags, arguments: [image = "", ...words] }, { environment }) {
    const request = containerRequest(flags, words, environment);
    for (const text of warningsOf(flags)) printError(`WARNING: ${text}\n`);
    using progress = progressPrinter(flags);
    const store = await openEngine(environment);
    const id = await createFromImage(store, image, request, {
      platform: platformOf(flags.platform),
      pull: pullPolicyOf(flags.pull),
      access: { isInsecure: flags.insecure },
      signaturePolicy: flags["signature-policy"],
      onStep: () => undefined,
      onMissing: progress.missing,
      onProgress: progress.update,
    });
    print(`${id}\n`);
    return 0;
  },
});
