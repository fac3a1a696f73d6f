/** `teu save`: images into an archive. */
import { InvalidOption, openEngine, saveImages } from "../../engine/index.ts";
import { writeArchive } from "../archive-file.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu save",
  summary: "Save images to an OCI archive",
  description: "Docker and podman load it too; of an index docker sees the image for this machine.",
  flags: {
    format: {
      kind: "string",
      value: "oci-archive|docker-archive",
      summary: "For scripts that are written for podman: one file is both",
      hidden: true,
    },
    "multi-image-archive": {
      kind: "boolean",
      short: "m",
      summary: "The same: there may be several anyhow",
      hidden: true,
    },
    output: { kind: "string", short: "o", value: "FILE", summary: "Write FILE instead of standard output" },
  },
  arguments: [{ name: "IMAGE", isRepeated: true }],
  examples: [
    { command: "teu save -o debian.tar debian", says: "Keep an image in a file" },
    { command: "teu save debian | ssh host teu load", says: "Bring it to another machine" },
  ],
  async run({ flags: { output, format }, arguments: names }, { environment }) {
    if (format !== undefined && !/^(oci|docker)-archive$/.test(format))
      throw new InvalidOption(
        { option: "--format", value: format },
        `Unsupported --format ${format}: it is an oci-archive and a docker-archive; 'teu copy' makes layouts (oci:) and folders (dir:)`,
      );
    await writeArchive(output, saveImages(await openEngine(environment), names));
    return 0;
  },
});
