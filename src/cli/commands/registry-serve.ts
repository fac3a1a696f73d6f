/** `teu registry serve`: a registry over a folder, until it is told to end. */
import { join } from "node:path";
import { messageOf, print, printError, stateRoot } from "../../base/index.ts";
import { serveRegistry } from "../../distribution/registry/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu registry serve",
  summary: "Serve images from a folder",
  description: `Prints its address on stdout when it listens, and serves until SIGINT or SIGTERM. It asks nobody who they are: whoever
reaches it may push and delete, so beyond this machine it listens only with --insecure-listen.`,
  flags: {
    listen: {
      kind: "string",
      value: "HOST:PORT",
      summary: "Where to listen; port 0: a free one",
      default: "127.0.0.1:5000",
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
    const { listen, root = join(stateRoot(environment), "registry") } = flags;
    const ended = new Promise<void>((resolve) => {
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => resolve());
    });
    await using registry = await serveRegistry({
      listen,
      root,
      insecureListen: flags["insecure-listen"],
      onError: (error) => printError(`teu registry: ${messageOf(error)}\n`),
    });
    print(`${registry.address}\n`);
    await ended;
    return 0;
  },
});
