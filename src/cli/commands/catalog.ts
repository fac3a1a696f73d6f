/** `teu catalog`: the repositories of a registry, as crane lists them. */
import { listRemoteRepositories } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { FULL_REF_FLAG, LIMIT_FLAG, prefixed, printNames } from "../name-list.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";

export const command = teuCommand({
  name: "teu catalog",
  summary: "List the repositories of a registry",
  description:
    "As far as the registry tells: the list is no part of the specification, and the large public registries have none.",
  flags: { limit: LIMIT_FLAG, "full-ref": FULL_REF_FLAG, ...REGISTRY_FLAGS, json: JSON_FLAG },
  arguments: [{ name: "REGISTRY" }],
  examples: [{ command: "teu catalog localhost:5000", says: "See what a registry next door has" }],
  async run(parsed, { environment }) {
    const {
      flags,
      arguments: [registry = ""],
    } = parsed;
    const options = { access: registryAccess(parsed), environment, limit: flags.limit };
    const names = listRemoteRepositories(registry, options);
    return await printNames(flags["full-ref"] ? prefixed(`${registry}/`, names) : names, flags.json);
  },
});
