/** `teu info`: what teu finds on this machine, and where it keeps its state. */
import { existsSync } from "node:fs";
import { release } from "node:os";
import { print, version } from "../../base/index.ts";
import { enginePaths, openEngine } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { INSPECT_FLAG, printFacts } from "../template/inspections.ts";

export const command = teuCommand({
  name: "teu info",
  summary: "Show what teu finds on this machine",
  flags: { format: INSPECT_FLAG, json: JSON_FLAG },
  arguments: [],
  examples: [{ command: "TEU_ROOT=/srv/teu teu info", says: "With the store somewhere else" }],
  async run({ flags }, { environment }) {
    const { root, run } = enginePaths(environment);
    const facts = {
      version,
      kernel: release(),
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      cgroups: cgroups(),
      root,
      run,
    };
    if (flags.format !== undefined) {
      const { dockerInfo } = await import("../docker-info.ts");
      printFacts(flags.format, dockerInfo(await openEngine(environment), facts));
    } else if (flags.json) print(`${JSON.stringify(facts)}\n`);
    else
      print(
        Object.entries(facts)
          .map(([name, value]) => `${name}: ${value}\n`)
          .join(""),
      );
    return 0;
  },
});

/** How the hierarchies are mounted, in systemd's words. */
function cgroups(): string {
  if (existsSync("/sys/fs/cgroup/cgroup.controllers")) return "v2";
  if (existsSync("/sys/fs/cgroup/unified/cgroup.controllers")) return "hybrid (v1 controllers)";
  return existsSync("/sys/fs/cgroup/memory") ? "v1" : "none found";
}
