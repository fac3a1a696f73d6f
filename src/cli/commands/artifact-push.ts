/** `teu artifact push`: files at a registry, under a name of their own. The words are those of oras. */
import { print } from "../../base/index.ts";
import { parseAssignments, pushArtifact } from "../../engine/index.ts";
import { parseReference } from "../../spec/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";

/** What oras says of an artifact whose type nobody tells. */
const UNKNOWN_TYPE = "application/vnd.unknown.artifact.v1";

export const command = teuCommand({
  name: "teu artifact push",
  summary: "Put files into a registry, under a name of their own",
  description: "'teu artifact pull' gets them back. What is at that name already, an image even, loses it.",
  flags: {
    "artifact-type": {
      kind: "string",
      value: "TYPE",
      default: UNKNOWN_TYPE,
      summary: "What it is: application/vnd.example.rules, say",
    },
    annotation: { kind: "list", short: "a", value: "KEY=VALUE", summary: "An annotation of the artifact" },
    ...REGISTRY_FLAGS,
    json: JSON_FLAG,
  },
  arguments: [{ name: "REFERENCE" }, { name: "FILE[:MEDIA/TYPE]", isRepeated: true }],
  examples: [
    {
      command: "teu artifact push registry.example/rules:1 rules.yaml:text/yaml",
      says: "Rules, to be had by name",
    },
  ],
  async run(parsed, { environment }) {
    const {
      flags,
      arguments: [text = "", ...files],
    } = parsed;
    const artifact = await pushArtifact(text, {
      access: registryAccess(parsed),
      environment,
      artifactType: flags["artifact-type"],
      annotations: parseAssignments("--annotation", flags.annotation, true),
      files,
    });
    const { registry, repository } = parseReference(text);
    if (flags.json) print(`${JSON.stringify({ artifact })}\n`);
    else print(`${registry}/${repository}@${artifact.digest}\n`);
    return 0;
  },
});
