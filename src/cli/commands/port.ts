/** `teu port`: which ports of this machine lead to a container. Docker's words. */
import { print } from "../../base/index.ts";
import { InvalidOption, inspect, openEngine } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";
import { encodePlace } from "../text.ts";

export const command = teuCommand({
  name: "teu port",
  summary: "Show the ports of this machine that lead to a container",
  flags: {},
  arguments: [{ name: "CONTAINER" }],
  examples: [{ command: "teu port web", says: "Show where a server is to be reached" }],
  async run({ arguments: [name = ""] }, { environment }) {
    const found = await inspect(await openEngine(environment), name);
    if (found.kind !== "container")
      throw new InvalidOption({ option: "CONTAINER", value: name }, `No such container: ${name}`);
    for (const { protocol, hostAddress, hostPort, containerPort } of found.ports)
      print(`${containerPort}/${protocol} -> ${encodePlace(hostAddress, hostPort)}\n`);
    return 0;
  },
});
