/** `teu save`: images into an archive. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { writeAll } from "../../base/index.ts";
import { openEngine, saveImages } from "../../engine/index.ts";
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
    const archive = await saveImages(await openEngine(environment), names);
    if (output === undefined) {
      for await (const piece of archive) writeAll(1, piece);
      return 0;
    }
    // By rename: a save that is cut short leaves nothing that looks whole.
    const temporary = `${output}.${process.pid}.tmp`;
    const file = openSync(temporary, "wx");
    try {
      for await (const piece of archive) writeAll(file, piece);
      fsyncSync(file);
      renameSync(temporary, output);
    } finally {
      closeSync(file);
      rmSync(temporary, { force: true });
    }
    return 0;
  },
});
