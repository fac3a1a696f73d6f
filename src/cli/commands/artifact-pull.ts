/** `teu artifact pull`: the files of an artifact. */
import { print } from "../../base/index.ts";
import { pullArtifact } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";
import { printable } from "../text.ts";

export const command = teuCommand({
  name: "teu artifact pull",
  summary: "Get the files of an artifact",
  description:
    "Each gets the name that its layer has; files of these names are replaced, and nothing is written outside of the folder.",
  flags: {
    output: { kind: "string", short: "o", value: "FOLDER", default: ".", summary: "Where to" },
    ...REGISTRY_FLAGS,
    json: JSON_FLAG,
  },
  arguments: [{ name: "ARTIFACT" }],
  examples: [
    { command: "teu artifact pull -o out registry.example/app@sha256:…", says: "What was attached" },
  ],
  async run(parsed, { environment }) {
    const {
      flags,
      arguments: [artifact = ""],
    } = parsed;
    const pulled = await pullArtifact(artifact, flags.output, {
      access: registryAccess(parsed),
      environment,
    });
    if (flags.json) print(`${JSON.stringify(pulled)}\n`);
    else for (const { path } of pulled.files) print(`${printable(path)}\n`);
    return 0;
  },
});
