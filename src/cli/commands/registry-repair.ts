/** `teu registry repair`: what a check finds is put right, as far as that goes. */
import { print } from "../../base/index.ts";
import { teuCommand } from "../context.ts";
import { operateRegistry, REGISTRY_FLAGS } from "../registry-operation.ts";

export const command = teuCommand({
  name: "teu registry repair",
  summary: "Put right what a check finds",
  description: `What is lost cannot be made again: the registry stops saying that it has it, so that whoever has it can push it again. Damaged content is
set aside in damaged/, blobs that are there after all are linked again, sums are made anew.`,
  flags: REGISTRY_FLAGS,
  arguments: [],
  examples: [{ command: "teu registry repair --root /srv/registry", says: "Of one registry" }],
  async run({ flags }, context) {
    const { repaired } = await operateRegistry(flags, context, { name: "repair" }, (entry) => {
      const { kind, repository, digest, why, done } = entry;
      return `${kind}  ${repository}${digest === undefined ? "" : `@${digest}`}  ${why}: ${done}`;
    });
    if (!flags.json) print(repaired === 0 ? "Everything is right\n" : `${repaired} repaired\n`);
    return 0;
  },
});
