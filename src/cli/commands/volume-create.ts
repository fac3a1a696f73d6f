/** `teu volume create`. Docker's flags. */
import { print, Unsupported } from "../../base/index.ts";
import { createVolume, openEngine, parseAssignments, parseVolumeName } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu volume create",
  summary: "Make a volume",
  description:
    "Without VOLUME it gets a name of its own. One that is there with the same options stays as it is.",
  flags: {
    driver: { kind: "string", short: "d", value: "NAME", summary: "What keeps it: local", default: "local" },
    opt: {
      kind: "list",
      short: "o",
      value: "NAME=VALUE",
      summary: "type, device and o, as of mount(8): mounted while a container has the volume",
    },
    label: { kind: "list", value: "NAME[=VALUE]", summary: "Note something about the volume" },
  },
  arguments: [{ name: "VOLUME", isOptional: true }],
  examples: [
    {
      command: "teu volume create -o type=tmpfs -o device=tmpfs -o o=size=100m scratch",
      says: "A volume in memory",
    },
  ],
  async run({ flags, arguments: [word] }, { environment }) {
    if (flags.driver !== "local")
      throw new Unsupported({
        what: `volume driver ${flags.driver}`,
        why: "there are no plugins: local is the one driver",
      });
    const name = createVolume(await openEngine(environment), {
      name: word === undefined ? undefined : parseVolumeName(word, "VOLUME"),
      options: parseAssignments("--opt", flags.opt, true),
      labels: parseAssignments("--label", flags.label, false),
    });
    print(`${name}\n`);
    return 0;
  },
});
