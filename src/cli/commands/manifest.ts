/** `teu manifest`: commands about manifests at a registry. Other clients' words mean the same. */
import type { CommandTable } from "../../base/index.ts";
import { type CliContext, commandGroup } from "../context.ts";

const TABLE: CommandTable<CliContext> = {
  get: {
    summary: "Print a manifest or index as it is",
    load: async () => (await import("./manifest-get.ts")).command,
  },
  put: {
    summary: "Put a manifest or index as it is",
    load: async () => (await import("./manifest-put.ts")).command,
  },
  head: {
    summary: "Show which digest a name has",
    load: async () => (await import("./manifest-head.ts")).command,
  },
  rm: {
    summary: "Remove a tag, or a manifest",
    load: async () => (await import("./manifest-rm.ts")).command,
  },
  // Of oras, regctl, skopeo and docker.
  fetch: { summary: "", hidden: true, load: async () => (await import("./manifest-get.ts")).command },
  inspect: { summary: "", hidden: true, load: async () => (await import("./manifest-get.ts")).command },
  push: { summary: "", hidden: true, load: async () => (await import("./manifest-put.ts")).command },
  digest: { summary: "", hidden: true, load: async () => (await import("./manifest-head.ts")).command },
  delete: { summary: "", hidden: true, load: async () => (await import("./manifest-rm.ts")).command },
};

export const command = commandGroup(
  {
    name: "teu manifest",
    summary: "Get, put, look at and remove manifests at a registry",
    examples: [{ command: "teu manifest get debian:12", says: "See which platforms an image has" }],
  },
  TABLE,
);
