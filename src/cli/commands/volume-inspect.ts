/** `teu volume inspect`. */
import { print } from "../../base/index.ts";
import { describeVolume, openEngine, type VolumeSummary } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu volume inspect",
  summary: "Show all that is known of volumes, as JSON",
  flags: {},
  arguments: [{ name: "VOLUME", isRepeated: true }],
  examples: [{ command: "teu volume inspect pages", says: "Show where its files lie and who has it" }],
  async run({ arguments: names }, { environment }) {
    const store = await openEngine(environment);
    print(
      `${JSON.stringify(
        names.map((name) => dockerShape(describeVolume(store, name))),
        null,
        2,
      )}\n`,
    );
    return 0;
  },
});

/** Docker's keys, and who has it. */
function dockerShape({
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
    Labels: labels,
    Mountpoint: mountpoint,
    Name: name,
    Options: options,
    Scope: scope,
    Containers: containers,
  };
}
