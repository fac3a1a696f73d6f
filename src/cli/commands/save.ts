/** `teu save`: images into an archive. */
import { openEngine, saveImages } from "../../engine/index.ts";
import { writeArchive } from "../archive-file.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu save",
  summary: "Save images to an OCI archive",
  flags: {
    output: { kind: "string", short: "o", value: "FILE", summary: "Write FILE instead of standard output" },
  },
  arguments: [{ name: "IMAGE", isRepeated: true }],
  examples: [
    { command: "teu save -o debian.tar debian", says: "Keep an image in a file" },
    { command: "teu save debian | ssh host teu load", says: "Bring it to another machine" },
  ],
  async run({ flags: { output }, arguments: names }, { environment }) {
    await writeArchive(output, saveImages(await openEngine(environment), names));
    return 0;
  },
});
