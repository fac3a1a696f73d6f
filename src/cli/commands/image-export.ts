/** `teu image export`: all files of an image as one archive, as crane has it. */
import { exportImage, openEngine } from "../../engine/index.ts";
import { writeArchive } from "../archive-file.ts";
import { teuCommand } from "../context.ts";
import { PLATFORM_FLAG, platformOf } from "../image-flags.ts";

export const command = teuCommand({
  name: "teu image export",
  summary: "Write all files of an image as a tar archive",
  description: "What its layers show together, without layers, config or name; 'teu save' keeps those.",
  flags: {
    output: { kind: "string", short: "o", value: "FILE", summary: "Write to a file, not to stdout" },
    platform: PLATFORM_FLAG,
  },
  arguments: [{ name: "IMAGE" }],
  examples: [{ command: "teu image export debian:12 | tar -tv", says: "Look what is in it" }],
  async run({ flags, arguments: [name = ""] }, { environment }) {
    const platform = platformOf(flags.platform);
    const pieces = exportImage(await openEngine(environment), name, platform);
    await writeArchive(flags.output, pieces, "image export");
    return 0;
  },
});
