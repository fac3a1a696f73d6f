/** `teu registry import`: what another registry keeps in a folder becomes this one's. */
import { resolve } from "node:path";
import { print } from "../../base/index.ts";
import { teuCommand } from "../context.ts";
import { operateRegistry, REGISTRY_FLAGS } from "../registry-operation.ts";

export const command = teuCommand({
  name: "teu registry import",
  summary: "Take over what a registry of distribution keeps",
  description: `DIR is the rootdirectory of its file system storage, with docker/registry/v2 in it; it must not be served meanwhile. Every blob is hashed on
its way. What is here already is not copied again. Manifests of the first schema are not taken. Status 1: something could not be
taken; each such thing is a line.`,
  flags: REGISTRY_FLAGS,
  arguments: [{ name: "DIR" }],
  examples: [
    { command: "teu registry import /var/lib/docker-registry", says: "Into the registry of this machine" },
  ],
  async run({ flags, arguments: [from = ""] }, context) {
    // The process that serves may be in another folder.
    const operation = { name: "import", from: resolve(from) } as const;
    const result = await operateRegistry(flags, context, operation, (entry) => {
      const { kind, repository, blobs, manifests, digest, why } = entry;
      return kind === "failure"
        ? `${repository}@${digest}  ${why}`
        : `${repository}  ${blobs} blobs, ${manifests} manifests`;
    });
    const { repositories, failures } = result;
    if (!flags.json) print(`${repositories} repositories${failures === 0 ? "" : `, ${failures} failures`}\n`);
    return failures === 0 ? 0 : 1;
  },
});
