/** `teu load`: images out of an archive. */
import { print, Unsupported } from "../../base/index.ts";
import { loadImages, openEngine } from "../../engine/index.ts";
import { readArchive } from "../archive-file.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { PROGRESS_FLAG, progressPrinter } from "../progress.ts";

export const command = teuCommand({
  name: "teu load",
  summary: "Load images from an OCI or docker archive",
  description: "The archive may be compressed with gzip or zstd.",
  flags: {
    input: { kind: "string", short: "i", value: "FILE", summary: "Read FILE instead of standard input" },
    progress: PROGRESS_FLAG,
    quiet: { kind: "boolean", short: "q", summary: "Show no progress" },
    json: JSON_FLAG,
  },
  arguments: [],
  examples: [{ command: "teu load -i debian.tar", says: "Load what save wrote, here or elsewhere" }],
  async run({ flags }, { environment }) {
    const { input } = flags;
    using progress = progressPrinter(flags, "none"); // what is kept of it is the names
    const store = await openEngine(environment);
    const { names, nameless } = await loadImages(store, readArchive(input), undefined, progress.update);
    progress.clear();
    for (const image of names)
      print(flags.json ? `${JSON.stringify({ image })}\n` : `Loaded image: ${image}\n`);
    if (nameless.length > 0)
      throw new Unsupported(
        { what: `load of ${nameless.join(", ")}`, why: "an image without a name is not kept" },
        { hint: `'teu copy oci-archive:${input ?? "FILE"} NAME' gives it one` },
      );
    return 0;
  },
});
