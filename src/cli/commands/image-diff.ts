/** `teu image diff`: what is not the same in two images. The letters are those of `docker diff`. */
import { print } from "../../base/index.ts";
import { compareImageFiles, compareImageLayers, openEngine } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { PLATFORM_FLAG, platformOf } from "../image-flags.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";
import { encodeSize, printable } from "../text.ts";

const LETTERS = { added: "A", changed: "C", deleted: "D", same: "=" } as const;

export const command = teuCommand({
  name: "teu image diff",
  summary: "Show which files of two images differ",
  description: `A: only in the second, C: in both, and of what it is told what differs, D: only in the first. Contents are compared, owners, modes and attributes, but not times,
which each build has of its own. An image that is not here is read from its registry, and not kept. As with diff, status 1 means that there are differences.`,
  flags: {
    layers: { kind: "boolean", summary: "Compare the lists of layers, and read none" },
    platform: PLATFORM_FLAG,
    ...REGISTRY_FLAGS,
    json: JSON_FLAG,
  },
  arguments: [{ name: "IMAGE" }, { name: "OTHER" }],
  examples: [
    { command: "teu image diff app:1 app:2", says: "What an update brings" },
    { command: "teu image diff --layers app:1 app:2", says: "What a pull would bring" },
  ],
  async run(parsed, { environment }) {
    const {
      flags,
      arguments: [before = "", after = ""],
    } = parsed;
    const store = await openEngine(environment);
    const options = { platform: platformOf(flags.platform), access: registryAccess(parsed) };
    if (flags.layers) {
      const layers = await compareImageLayers(store, [before, after], options);
      if (flags.json) print(`${JSON.stringify(layers)}\n`);
      else
        for (const { kind, digest, bytes } of layers)
          print(`${LETTERS[kind]} ${digest} ${encodeSize(bytes)}\n`);
      return layers.every(({ kind }) => kind === "same") ? 0 : 1;
    }
    const files = await compareImageFiles(store, [before, after], options);
    if (flags.json) print(`${JSON.stringify(files)}\n`);
    else
      print(
        files
          .map(({ kind, path, parts }) => {
            const what = parts.length > 0 ? ` (${parts.join(", ")})` : "";
            return `${LETTERS[kind]} ${printable(path)}${what}\n`;
          })
          .join(""),
      );
    return files.length === 0 ? 0 : 1;
  },
});
