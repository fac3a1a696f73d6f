/** `teu blob`: commands about blobs at a registry. Other clients' words mean the same. */
import type { CommandTable } from "../../base/index.ts";
import { type CliContext, commandGroup } from "../context.ts";

const TABLE: CommandTable<CliContext> = {
  get: {
    summary: "Get a blob as it is",
    load: async () => (await import("./blob-get.ts")).command,
  },
  put: {
    summary: "Put a file as a blob",
    load: async () => (await import("./blob-put.ts")).command,
  },
  head: {
    summary: "Show how large a blob is",
    load: async () => (await import("./blob-head.ts")).command,
  },
  rm: {
    summary: "Remove a blob",
    load: async () => (await import("./blob-rm.ts")).command,
  },
  // Of oras, regctl, skopeo and docker.
  fetch: { summary: "", hidden: true, load: async () => (await import("./blob-get.ts")).command },
  push: { summary: "", hidden: true, load: async () => (await import("./blob-put.ts")).command },
  delete: { summary: "", hidden: true, load: async () => (await import("./blob-rm.ts")).command },
};

export const command = commandGroup(
  {
    name: "teu blob",
    summary: "Get, put, look at and remove blobs at a registry",
    examples: [
      { command: "teu blob get registry.example/app@sha256:… -o layer", says: "Get a layer as it is" },
    ],
  },
  TABLE,
);
