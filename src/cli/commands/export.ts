/** `teu export`. Docker's words. */
import { exportContainer, openEngine } from "../../engine/index.ts";
import { writeArchive } from "../archive-file.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu export",
  summary: "Write all files of a container as a tar archive",
  description: "What is mounted in it, volumes for instance, is left out.",
  flags: { output: { kind: "string", short: "o", value: "FILE", summary: "Write to a file, not to stdout" } },
  arguments: [{ name: "CONTAINER" }],
  examples: [{ command: "teu export -o web.tar web", says: "Keep its files" }],
  async run({ flags, arguments: [name = ""] }, { environment }) {
    await writeArchive(flags.output, exportContainer(await openEngine(environment), name), "export");
    return 0;
  },
});
