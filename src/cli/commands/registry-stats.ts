/** `teu registry stats`: what a registry holds, in numbers. */
import { print } from "../../base/index.ts";
import { teuCommand } from "../context.ts";
import { operateRegistry, REGISTRY_FLAGS } from "../registry-operation.ts";
import { encodeSize } from "../text.ts";

export const command = teuCommand({
  name: "teu registry stats",
  summary: "Say how much a registry holds",
  description: "What repositories share counts in each of them, and once in what lies on disk.",
  flags: REGISTRY_FLAGS,
  arguments: [],
  examples: [{ command: "teu registry stats --json", says: "For programs" }],
  async run({ flags }, context) {
    const stats = await operateRegistry(flags, context, { name: "stats" }, () => undefined);
    if (flags.json) return 0;
    const { bytes, storedBytes, ...counts } = stats;
    for (const [name, count] of Object.entries(counts)) print(`${name.padEnd(13)} ${count}\n`);
    print(`held          ${encodeSize(Number(bytes))}\non disk       ${encodeSize(Number(storedBytes))}\n`);
    return 0;
  },
});
