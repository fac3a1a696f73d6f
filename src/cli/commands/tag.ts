/** `teu tag`: one more name for an image. */
import { openEngine, tagImage } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu tag",
  summary: "Give an image one more name",
  flags: {},
  arguments: [{ name: "IMAGE" }, { name: "NAME" }],
  examples: [{ command: "teu tag debian:12 localhost:5000/base", says: "Name it for another registry" }],
  async run({ arguments: [image = "", name = ""] }, { environment }) {
    tagImage(await openEngine(environment), image, name);
    return 0;
  },
});
