/** `teu volume inspect`. */
import { NIL_MAP } from "../../base/index.ts";
import { describeVolume, openEngine, type VolumeSummary } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";
import { INSPECT_FLAG, printInspections } from "../template/inspections.ts";

export const command = teuCommand({
  name: "teu volume inspect",
  summary: "Show all that is known of volumes, as JSON or by a template",
  flags: { format: INSPECT_FLAG },
  arguments: [{ name: "VOLUME", isRepeated: true }],
  examples: [{ command: "teu volume inspect pages", says: "Show where its files lie and who has it" }],
  async run({ flags, arguments: names }, { environment }) {
    const store = await openEngine(environment);
    await printInspections(flags.format, names, (name) => volumeShape(describeVolume(store, name)));
    return 0;
  },
});

/** Docker's keys, and who has it. */
export function volumeShape({
  name,
  driver,
  scope,
  mountpoint,
  labels,
  options,
  createdAt,
  containers,
}: VolumeSummary) {
  return {
    CreatedAt: new Date(createdAt).toISOString(),
    Driver: driver,
    Labels: orNil(labels),
    Mountpoint: mountpoint,
    Name: name,
    Options: orNil(options),
    Scope: scope,
    Containers: containers,
  };
}

function orNil(words: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.keys(words).length === 0 ? NIL_MAP : words;
}
