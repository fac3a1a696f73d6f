/** `teu network ls`. */
import { print } from "../../base/index.ts";
import { describeNetworks, InvalidOption, type NetworkSummary, openEngine } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { FORMAT_FLAG, formatList } from "../template/list.ts";
import { encodeTable } from "../text.ts";

export const command = teuCommand({
  name: "teu network ls",
  summary: "List networks",
  flags: {
    format: FORMAT_FLAG,
    filter: {
      kind: "list",
      short: "f",
      value: "NAME=VALUE",
      summary: "Only those with: name, id, driver, label, internal",
    },
    "no-trunc": { kind: "boolean", summary: "Cut nothing short" },
    quiet: { kind: "boolean", short: "q", summary: "Print IDs only" },
    json: JSON_FLAG,
  },
  arguments: [],
  examples: [{ command: "teu network ls", says: "Show the networks, their addresses and who is in them" }],
  async run({ flags }, { environment }) {
    const networks = describeNetworks(await openEngine(environment)).filter(filterOf(flags.filter));
    const short = (id: string): string => (flags["no-trunc"] ? id : id.slice(0, 12));
    if (flags.json) print(`${JSON.stringify(networks)}\n`);
    else if (flags.quiet) print(networks.map(({ id }) => `${short(id)}\n`).join(""));
    else if (flags.format !== undefined)
      print(
        formatList(
          flags.format,
          networks.map(({ id, name, driver, isInternal, createdAt }) => ({
            ...{ ID: short(id), Name: name, Driver: driver, Scope: "local" },
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

const FILTERS: Readonly<Record<string, (network: NetworkSummary, value: string) => boolean>> = {
  name: ({ name }, value) => name.includes(value),
  id: ({ id }, value) => id.startsWith(value),
  driver: ({ driver }, value) => driver === value,
  label: ({ labels = {} }, value) => {
    const [key = "", wanted] = value.split(/=(.*)/s);
    return Object.hasOwn(labels, key) && (wanted === undefined || labels[key] === wanted);
  },
  internal: ({ isInternal }, value) => `${isInternal}` === value,
};

/** Values of one key are alternatives, keys are not. @throws {InvalidOption} */
function filterOf(texts: readonly string[]): (network: NetworkSummary) => boolean {
  const wanted = new Map<string, string[]>();
  for (const text of texts) {
    const [key = "", value] = text.split(/=(.*)/s);
    if (!Object.hasOwn(FILTERS, key) || value === undefined)
      throw new InvalidOption(
        { option: "--filter", value: text },
        `invalid filter '${text}': wants ${Object.keys(FILTERS).join(", ")}, and a value`,
      );
    wanted.set(key, [...(wanted.get(key) ?? []), value]);
  }
  return (network) =>
    [...wanted].every(([key, values]) => values.some((value) => FILTERS[key]?.(network, value)));
}
