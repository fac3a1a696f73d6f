/** `teu ls`: the tags of a repository, as crane and skopeo list them. */
import { print } from "../../base/index.ts";
import { listRemoteTags } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { INSECURE_FLAG } from "../image-flags.ts";
import { printable } from "../text.ts";

export const command = teuCommand({
  name: "teu ls",
  summary: "List the tags of a repository at its registry",
  flags: { insecure: INSECURE_FLAG, json: JSON_FLAG },
  arguments: [{ name: "REPOSITORY" }],
  examples: [{ command: "teu ls registry.example/team/app", says: "See which versions there are" }],
  async run({ flags, arguments: [repository = ""] }) {
    const tags = listRemoteTags(repository, { isInsecure: flags.insecure });
    if (flags.json) print(`${JSON.stringify(await Array.fromAsync(tags))}\n`);
    else for await (const tag of tags) print(`${printable(tag)}\n`);
    return 0;
  },
});
