/** `teu registry serve`: a registry over a folder, until it is told to end. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, print, printError, stateRoot } from "../../base/index.ts";
import { RegistryClient } from "../../distribution/client/index.ts";
import {
  parseRegistryConfig,
  registryOptions,
  serveRegistry,
  type UpstreamConfig,
} from "../../distribution/registry/index.ts";
import type { RegistryName, RepositoryName } from "../../spec/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu registry serve",
  summary: "Serve images from a folder",
  description: `Prints its address on stdout when it listens, and serves until SIGINT or SIGTERM; with certificates SIGHUP makes it look at
them again. Without rules of access it asks nobody who they are: whoever reaches it may push and delete, so beyond this machine it
then listens only with --insecure-listen.`,
  flags: {
    config: {
      kind: "string",
      value: "FILE",
      summary: "Certificates, accounts, rights and limits, in YAML; flags go before what it says",
    },
    listen: {
      kind: "string",
      value: "HOST:PORT",
      summary: "Where to listen; port 0: a free one (default 127.0.0.1:5000)",
    },
    root: { kind: "string", value: "DIR", summary: "Where images lie (default registry/ below TEU_ROOT)" },
    "insecure-listen": { kind: "boolean", summary: "Listen where others can reach it too" },
  },
  arguments: [],
  examples: [
    { command: "teu registry serve", says: "On 127.0.0.1:5000" },
    {
      command: "teu registry serve --listen 127.0.0.1:0 --root ./images",
      says: "On a free port, which it prints",
    },
  ],
  async run({ flags }, { environment }) {
    const config =
      flags.config === undefined
        ? {}
        : parseRegistryConfig(await readFile(flags.config, "utf8"), JSON.stringify(flags.config));
    const root = flags.root ?? config.root ?? join(stateRoot(environment), "registry");
    const ended = new Promise<void>((resolve) => {
      for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => resolve());
      if (config.tls === undefined) process.once("SIGHUP", () => resolve());
    });
    await using registry = await serveRegistry({
      ...(await registryOptions(config, root, openUpstream)),
      listen: flags.listen ?? config.listen ?? "127.0.0.1:5000",
      insecureListen: flags["insecure-listen"] || (config.insecureListen ?? false),
      onError: (error) => printError(`teu registry: ${messageOf(error)}\n`),
    });
    if (config.tls !== undefined) process.on("SIGHUP", () => void registry.reload());
    print(`${registry.address}\n`);
    await ended;
    return 0;
  },
});

/** Credentials are those of docker and podman, as for any pull. */
function openUpstream(
  { registry, insecure = false }: UpstreamConfig,
  repository: RepositoryName,
): RegistryClient {
  return new RegistryClient({ registry: registry as RegistryName, repository }, { insecure }); // the configuration was checked
}
