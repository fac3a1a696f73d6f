/** `teu network ls`. */
import { print } from "../../base/index.ts";
import { describeNetworks, openEngine } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { FORMAT_FLAG, formatList } from "../template/list.ts";
import { encodeTable } from "../text.ts";

export const command = teuCommand({
  name: "teu network ls",
  summary: "List networks",
  flags: {
    format: FORMAT_FLAG,
    quiet: { kind: "boolean", short: "q", summary: "Print IDs only" },
    json: JSON_FLAG,
  },
  arguments: [],
  examples: [{ command: "teu network ls", says: "Show the networks, their addresses and who is in them" }],
  async run({ flags }, { environment }) {
    const networks = describeNetworks(await openEngine(environment));
    if (flags.json) print(`${JSON.stringify(networks)}\n`);
    else if (flags.quiet) print(networks.map(({ id }) => `${id.slice(0, 12)}\n`).join(""));
    else if (flags.format !== undefined)
      print(
        formatList(
          flags.format,
          networks.map(({ id, name, driver, isInternal, createdAt }) => ({
            ...{ ID: id.slice(0, 12), Name: name, Driver: driver, Scope: "local" },
            ...{ Internal: isInternal, CreatedAt: new Date(createdAt).toISOString() },
          })),
          {
            ID: "NETWORK ID",
            Name: "NAME",
            Driver: "DRIVER",
            Scope: "SCOPE",
            Internal: "INTERNAL",
            CreatedAt: "CREATED",
          },
        ),
      );
    else
      print(
        encodeTable(
          ["NETWORK ID", "NAME", "DRIVER", "SUBNET", "CONTAINERS"],
          networks.map(({ id, name, driver, subnet, isInternal, containers }) => [
            id.slice(0, 12),
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
