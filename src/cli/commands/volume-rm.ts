/** `teu volume rm`. */
import { print } from "../../base/index.ts";
import { forEachName, openEngine, removeVolume } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu volume rm",
  summary: "Remove volumes that no container has, with all that is in them",
  flags: {
    force: { kind: "boolean", short: "f", summary: "Do not mind missing ones" },
  },
  arguments: [{ name: "VOLUME", isRepeated: true }],
  examples: [{ command: "teu volume rm pages", says: "Remove a volume" }],
  async run({ flags, arguments: names }, { environment }) {
    const store = await openEngine(environment);
    const remove = async (name: string): Promise<void> => {
      removeVolume(store, name);
      print(`${name}\n`);
    };
    await forEachName(names, remove, { excused: flags.force ? "no-such-volume" : undefined });
    return 0;
  },
});
