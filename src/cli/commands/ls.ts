/** `teu ls`: the tags of a repository, as crane and skopeo list them. */
import { listRemoteTags } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { FULL_REF_FLAG, LIMIT_FLAG, prefixed, printNames } from "../name-list.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";

export const command = teuCommand({
  name: "teu ls",
  summary: "List the tags of a repository at its registry",
  flags: {
    limit: LIMIT_FLAG,
    "full-ref": FULL_REF_FLAG,
    "omit-digest-tags": {
      kind: "boolean",
      short: "O",
      summary: "Not those that clients make of digests: sha256-….sig and the like",
    },
    ...REGISTRY_FLAGS,
    json: JSON_FLAG,
  },
  arguments: [{ name: "REPOSITORY" }],
  examples: [{ command: "teu ls registry.example/team/app", says: "See which versions there are" }],
  async run(parsed, { environment }) {
    const {
      flags,
      arguments: [repository = ""],
    } = parsed;
    const options = { access: registryAccess(parsed), environment, limit: flags.limit };
    const all = listRemoteTags(repository, options);
    const tags = flags["omit-digest-tags"] ? withoutDigestTags(all) : all;
    return await printNames(flags["full-ref"] ? prefixed(`${repository}:`, tags) : tags, flags.json);
  },
});

/** As crane knows them, with what cosign and others put behind. */
const DIGEST_TAG = /^sha(256-[0-9a-f]{64}|512-[0-9a-f]{128})(\.|$)/;

async function* withoutDigestTags(tags: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const tag of tags) if (!DIGEST_TAG.test(tag)) yield tag;
}
