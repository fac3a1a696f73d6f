/** `teu rmi`: takes a name from an image, and the image when it was the last one. Docker's words. */
import { print } from "../../base/index.ts";
import { openEngine, removeImages } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu rmi",
  summary: "Remove images",
  flags: {
    "no-prune": {
      kind: "boolean",
      summary: "For scripts that are written for docker: nothing else is removed anyhow",
      hidden: true,
    },
    force: {
      kind: "boolean",
      short: "f",
      summary: "Also one with several names, or that a container stands on; do not mind missing ones",
    },
  },
  arguments: [{ name: "IMAGE", isRepeated: true }],
  examples: [{ command: "teu rmi debian:12", says: "Remove the name, and what nothing else refers to" }],
  async run({ flags, arguments: images }, { environment }) {
    const store = await openEngine(environment);
    await removeImages(store, images, {
      force: flags.force,
      onRemoved: ({ untagged, blobs }) => {
        print(untagged.map((name) => `Untagged: ${name}\n`).join(""));
        print(blobs.map((digest) => `Deleted: ${digest}\n`).join(""));
      },
    });
    return 0;
  },
});
