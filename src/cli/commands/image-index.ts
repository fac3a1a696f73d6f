/** `teu image index`: indexes of several images. Crane's word. */
import { commandGroup } from "../context.ts";

export const command = commandGroup(
  {
    name: "teu image index",
    summary: "Make one name of images for several platforms",
    examples: [
      { command: "teu image index create -t app:1 app:1-amd64 app:1-arm64", says: "Two platforms, one name" },
    ],
  },
  {
    append: {
      summary: "Add images to an index",
      load: async () => (await import("./image-index-append.ts")).command,
    },
    create: {
      summary: "Make an index of images",
      load: async () => (await import("./image-index-create.ts")).command,
    },
  },
);
