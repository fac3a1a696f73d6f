/** `teu registry check`: whether everything that a registry says it has is there and right. */
import { print } from "../../base/index.ts";
import { teuCommand } from "../context.ts";
import { operateRegistry, REGISTRY_FLAGS } from "../registry-operation.ts";

export const command = teuCommand({
  name: "teu registry check",
  summary: "Look whether everything is there and right",
  description: `Reads and hashes all content, and follows every manifest. Status 1: something is wrong; each damage is a line. A registry that is served
does it itself, and serves on meanwhile.`,
  flags: REGISTRY_FLAGS,
  arguments: [],
  examples: [{ command: "teu registry check --root /srv/registry", says: "Of one registry" }],
  async run({ flags }, context) {
    const { damaged } = await operateRegistry(flags, context, { name: "check" }, (entry) => {
      const { kind, repository, digest, why } = entry;
      return `${kind}  ${repository}${digest === undefined ? "" : `@${digest}`}  ${why}`;
    });
    if (!flags.json) print(damaged === 0 ? "Everything is right\n" : `${damaged} damaged\n`);
    return damaged === 0 ? 0 : 1;
  },
});
