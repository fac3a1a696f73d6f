/** `teu artifact attach`: files that refer to an image, at its registry. The words are those of oras. */
import { print } from "../../base/index.ts";
import { attachFiles, InvalidOption, parseAssignments } from "../../engine/index.ts";
import { parseReference } from "../../spec/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { PLATFORM_FLAG, platformOf } from "../image-flags.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";

export const command = teuCommand({
  name: "teu artifact attach",
  summary: "Attach files to an image at its registry",
  description: `They become an artifact whose subject is the image, which stays as it is. 'teu referrers' finds it, and 'teu artifact pull' gets the files back.
Where the registry keeps no lists of referrers, the one under the image's tag sha256-… is brought up to date.`,
  flags: {
    "artifact-type": { kind: "string", value: "TYPE", summary: "What it is: application/spdx+json, say" },
    annotation: { kind: "list", short: "a", value: "KEY=VALUE", summary: "An annotation of the artifact" },
    platform: { ...PLATFORM_FLAG, summary: "To the image of an index for this platform, not to the index" },
    ...REGISTRY_FLAGS,
    json: JSON_FLAG,
  },
  arguments: [{ name: "IMAGE" }, { name: "FILE[:MEDIA/TYPE]", isOptional: true, isRepeated: true }],
  examples: [
    {
      command:
        "teu artifact attach --artifact-type application/spdx+json registry.example/app:1 bom.json:application/json",
      says: "A bill of material",
    },
  ],
  async run(parsed, { environment }) {
    const {
      flags,
      arguments: [image = "", ...files],
    } = parsed;
    const artifactType = flags["artifact-type"];
    if (artifactType === undefined)
      throw new InvalidOption({ option: "--artifact-type", value: "" }, "Must provide --artifact-type");
    const annotations = parseAssignments("--annotation", flags.annotation, true);
    if (files.length === 0 && flags.annotation.length === 0)
      throw new InvalidOption({ option: "FILE", value: "" }, "Must provide a file or an --annotation");
    const { subject, artifact } = await attachFiles(image, {
      access: registryAccess(parsed),
      environment,
      artifactType,
      annotations,
      files,
      platform: platformOf(flags.platform),
    });
    const { registry, repository } = parseReference(image);
    if (flags.json) print(`${JSON.stringify({ subject, artifact })}\n`);
    else print(`${registry}/${repository}@${artifact.digest}\n`);
    return 0;
  },
});
