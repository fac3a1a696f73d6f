/** `teu port`: which ports of this machine lead to a container. Docker's words. */
import { print } from "../../base/index.ts";
import { findContainer, InvalidOption, listContainers, openEngine } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";
import { encodePlace } from "../text.ts";

export const command = teuCommand({
  name: "teu port",
  summary: "Show the ports of this machine that lead to a container",
  flags: {},
  arguments: [{ name: "CONTAINER" }, { name: "PORT[/PROTOCOL]", isOptional: true }],
  examples: [
    { command: "teu port web", says: "Show where a server is to be reached" },
    { command: "teu port web 80", says: "Where one of its ports is, alone" },
  ],
  async run({ arguments: [name = "", port] }, { environment }) {
    const wanted = port === undefined ? undefined : privatePort(port);
    const store = await openEngine(environment);
    const { id } = findContainer(store, name);
    const published = listContainers(store).find((container) => container.id === id)?.ports ?? [];
    const isWanted = ({ containerPort, protocol }: { containerPort: number; protocol: string }) =>
      wanted === undefined || (containerPort === wanted.number && protocol === wanted.protocol);
    const ports = published.filter(isWanted);
    if (wanted !== undefined && ports.length === 0)
      throw new InvalidOption(
        { option: "PORT", value: port ?? "" },
        `No public port '${wanted.number}/${wanted.protocol}' published for ${name}`,
      );
    for (const { protocol, hostAddress, hostPort, containerPort } of ports) {
      const place = encodePlace(hostAddress, hostPort);
      print(wanted === undefined ? `${containerPort}/${protocol} -> ${place}\n` : `${place}\n`);
    }
    return 0;
  },
});

/** `80`, `53/udp`. @throws {InvalidOption} */
function privatePort(text: string): { readonly number: number; readonly protocol: string } {
  const [, number = "", protocol = "tcp"] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(text) ?? [];
  if (number === "" || Number(number) > 65_535)
    throw new InvalidOption({ option: "PORT", value: text }, `Invalid port: ${text}`);
  return { number: Number(number), protocol };
}
