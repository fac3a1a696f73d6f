/** `teu network ls`. */
import { print } from "../../base/index.ts";
import { describeNetworks, openEngine } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { networkFilter } from "../network-filter.ts";
import { LABEL_HEADINGS, labelFields } from "../template/labels.ts";
import { FORMAT_FLAG, formatList, formatOf } from "../template/list.ts";
import { encodeMoment, encodeTable } from "../text.ts";

export const command = teuCommand({
  name: "teu network ls",
  summary: "List networks",
  flags: {
    format: FORMAT_FLAG,
    filter: {
      kind: "list",
      short: "f",
      value: "NAME=VALUE",
      summary: "Only those with: name, id, driver, label, type, scope, dangling, internal",
    },
    "no-trunc": { kind: "boolean", summary: "Cut nothing short" },
    quiet: { kind: "boolean", short: "q", summary: "Print IDs only" },
    json: JSON_FLAG,
  },
  arguments: [],
  examples: [{ command: "teu network ls", says: "Show the networks, their addresses and who is in them" }],
  async run({ flags }, { environment }) {
    const format = formatOf(flags.format);
    const networks = describeNetworks(await openEngine(environment)).filter(
      networkFilter(flags.filter, ["name", "id", "driver", "label", "type", "scope", "dangling", "internal"]),
    );
    const short = (id: string): string => (flags["no-trunc"] ? id : id.slice(0, 12));
    if (flags.json) print(`${JSON.stringify(networks)}\n`);
    else if (flags.quiet) print(networks.map(({ id }) => `${short(id)}\n`).join(""));
    else if (format !== undefined)
      print(
        formatList(
          format,
          networks.map(({ id, name, driver, isInternal, createdAt, subnet, subnet6, labels }) => ({
            ...{ ID: short(id), Name: name, Driver: driver, Scope: "local" },
            ...{
              Internal: `${isInternal}`,
              IPv4: `${subnet !== ""}`,
              IPv6: `${subnet6 !== undefined}`,
              CreatedAt: encodeMoment(createdAt),
            },
            ...labelFields(labels),
          })),
          {
            ID: "NETWORK ID",
            Name: "NAME",
            Driver: "DRIVER",
            Scope: "SCOPE",
            Internal: "INTERNAL",
            CreatedAt: "CREATED",
            IPv4: "IPV4",
            IPv6: "IPV6",
            ...LABEL_HEADINGS,
          },
        ),
      );
    else
      print(
        encodeTable(
          ["NETWORK ID", "NAME", "DRIVER", "SUBNET", "CONTAINERS"],
          networks.map(({ id, name, driver, subnet, isInternal, containers }) => [
            short(id),
            name,
            isInternal ? `${driver} (internal)` : driver,
            subnet,
            `${containers.length}`,
          ]),
        ),
      );
    return 0;
  },
});
