/** `teu push`: puts an image into the registry that its name names. Docker's words. */
import { print, printError } from "../../base/index.ts";
import { openEngine, push } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";
import { INSECURE_FLAG, PLATFORM_FLAG, platformOf, QUIET_FLAG } from "../image-flags.ts";
import { PROGRESS_FLAG, progressPrinter } from "../progress.ts";

export const command = teuCommand({
  name: "teu push",
  summary: "Put an image into the registry that its name names",
  flags: { platform: PLATFORM_FLAG, insecure: INSECURE_FLAG, progress: PROGRESS_FLAG, quiet: QUIET_FLAG },
  arguments: [{ name: "IMAGE" }],
  examples: [
    {
      command: "teu tag app localhost:5000/app && teu push localhost:5000/app",
      says: "To a registry next door",
    },
  ],
  async run({ flags, arguments: [image = ""] }, { environment }) {
    const store = await openEngine(environment);
    using progress = progressPrinter(flags);
    const pushed = await push(store, image, {
      platform: platformOf(flags.platform),
      isInsecure: flags.insecure,
      onProgress: progress.update,
    });
    progress[Symbol.dispose]();
    if (pushed.insteadOf !== undefined)
      printError(
        `Not all platforms of ${pushed.insteadOf} are here: pushed the one that is, under its own digest\n`,
      );
    print(`${pushed.reference}: digest: ${pushed.digest} size: ${pushed.size}\n`);
    return 0;
  },
});
