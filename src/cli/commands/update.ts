/** `teu update`. Docker's flags. */
import { availableParallelism } from "node:os";
import { print } from "../../base/index.ts";
import {
  forEachName,
  InvalidOption,
  openEngine,
  parseCPUs,
  parseMemory,
  parseRestartPolicy,
  updateContainer,
} from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu update",
  summary: "Change the limits and the restart policy of containers",
  description: "Of those that run at once, and for their next starts.",
  flags: {
    memory: {
      kind: "string",
      short: "m",
      value: "SIZE",
      summary: "Limit memory: 64m, 1g; as much swap again",
    },
    cpus: { kind: "string", value: "NUMBER", summary: "Limit processor time: 1.5 of them" },
    "pids-limit": { kind: "integer", value: "NUMBER", summary: "Limit the number of processes; -1: none" },
    restart: {
      kind: "string",
      value: "POLICY",
      summary: "no, always, unless-stopped, on-failure[:ATTEMPTS]",
    },
  },
  arguments: [{ name: "CONTAINER", isRepeated: true }],
  examples: [{ command: "teu update -m 1g --restart always web", says: "More memory, and for ever" }],
  async run({ flags, arguments: names }, { environment }) {
    const { memory, cpus, restart } = flags;
    const memoryBytes = memory === undefined ? undefined : parseMemory(memory);
    const cpu = cpus === undefined ? undefined : parseCPUs(cpus, availableParallelism());
    const pidsLimit = flags["pids-limit"];
    const request = {
      ...(memoryBytes !== undefined && { memoryBytes }),
      ...(cpu !== undefined && { cpu }),
      ...(pidsLimit !== undefined && { pidsLimit }),
      ...(restart !== undefined && { restart: parseRestartPolicy(restart) ?? null }),
    };
    if (Object.keys(request).length === 0)
      throw new InvalidOption(
        { option: "--memory", value: "" },
        "you must provide one or more flags when using this command",
      );
    const store = await openEngine(environment);
    await forEachName(names, async (name) => {
      await updateContainer(store, name, request);
      print(`${name}\n`);
    });
    return 0;
  },
});
