/** `teu version`: which teu this is, and what it is built on. */
import { release } from "node:os";
import { commit, print, version } from "../../base/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { DOCKER_API_VERSION, DOCKER_VERSION } from "../docker-version.ts";
import { INSPECT_FLAG, printFacts } from "../template/inspections.ts";

export const command = teuCommand({
  name: "teu version",
  summary: "Show which teu this is",
  flags: { format: INSPECT_FLAG, json: JSON_FLAG },
  arguments: [],
  examples: [{ command: "teu version --json", says: "The same for programs" }],
  run({ flags }) {
    const facts = { version, commit, bun: Bun.version };
    // Docker's shape, for scripts that ask a template: client and server are one program here.
    const side = {
      Version: DOCKER_VERSION,
      ApiVersion: DOCKER_API_VERSION,
      GitCommit: commit,
      Os: "linux",
      Arch: process.arch === "arm64" ? "arm64" : "amd64",
    };
    if (flags.format !== undefined)
      printFacts(flags.format, {
        ...facts,
        Client: { ...side, DefaultAPIVersion: DOCKER_API_VERSION, Context: "default" },
        Server: { ...side, KernelVersion: release(), Experimental: false },
      });
    else if (flags.json) print(`${JSON.stringify(facts)}\n`);
    else print(`teu version ${version}\ncommit: ${commit}\nbun: ${Bun.version}\n`);
    return 0;
  },
});
