/** `teu volume ls`. */
import { print } from "../../base/index.ts";
import { describeVolumes, openEngine } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { LABEL_HEADINGS, labelFields } from "../template/labels.ts";
import { FORMAT_FLAG, formatList, formatOf } from "../template/list.ts";
import { encodeTable } from "../text.ts";
import { volumeFilter } from "../volume-filter.ts";

/** Docker's fields of clusters, and of what a list does not measure: `teu system df -v` does. */
const UNKNOWN = { Availability: "N/A", Group: "N/A", Size: "N/A", Status: "N/A" };
const UNKNOWN_HEADINGS = { Availability: "AVAILABILITY", Group: "GROUP", Size: "SIZE", Status: "STATUS" };

export const command = teuCommand({
  name: "teu volume ls",
  summary: "List volumes",
  flags: {
    filter: {
      kind: "list",
      short: "f",
      value: "NAME=VALUE",
      summary: "Only those with: name, label, driver, dangling=true",
    },
    format: FORMAT_FLAG,
    quiet: { kind: "boolean", short: "q", summary: "Print names only" },
    json: JSON_FLAG,
  },
  arguments: [],
  examples: [
    { command: "teu volume ls", says: "Show the volumes" },
    { command: "teu volume ls -q --filter dangling=true", says: "Those that no container has" },
  ],
  async run({ flags }, { environment }) {
    const format = formatOf(flags.format);
    const isWanted = volumeFilter(flags.filter, ["name", "label", "driver", "dangling"]);
    const volumes = describeVolumes(await openEngine(environment)).filter(isWanted);
    if (flags.json) print(`${JSON.stringify(volumes)}\n`);
    else if (flags.quiet) print(volumes.map(({ name }) => `${name}\n`).join(""));
    else if (format !== undefined)
      print(
        formatList(
          format,
          volumes.map(({ name, driver, scope, mountpoint, containers, labels }) => ({
            ...{ Name: name, Driver: driver, Scope: scope, Mountpoint: mountpoint },
            ...{ Links: `${containers.length}`, ...UNKNOWN },
            ...labelFields(labels),
          })),
          {
            Name: "VOLUME NAME",
            Driver: "DRIVER",
            Scope: "SCOPE",
            Mountpoint: "MOUNTPOINT",
            Links: "LINKS",
            ...UNKNOWN_HEADINGS,
            ...LABEL_HEADINGS,
          },
        ),
      );
    else
      print(
        encodeTable(
          ["DRIVER", "VOLUME NAME", "CONTAINERS"],
          volumes.map(({ driver, name, containers }) => [driver, name, `${containers.length}`]),
        ),
      );
    return 0;
  },
});
