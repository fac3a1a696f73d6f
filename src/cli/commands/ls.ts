/** `teu ls`: the tags of a repository, as crane and skopeo list them. */
import { listRemoteTags } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { LIMIT_FLAG, printNames } from "../name-list.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";

export const command = teuCommand({
  name: "teu ls",
  summary: "List the tags of a repository at its registry",
  flags: { limit: LIMIT_FLAG, ...REGISTRY_FLAGS, json: JSON_FLAG },
  arguments: [{ name: "REPOSITORY" }],
  examples: [{ command: "teu ls registry.example/team/app", says: "See which versions there are" }],
  async run(parsed, { environment }) {
    const {
      flags,
      arguments: [repository = ""],
    } = parsed;
    const options = { access: registryAccess(parsed), environment, limit: flags.limit };
    return await printNames(listRemoteTags(repository, options), flags.json);
  },
});
