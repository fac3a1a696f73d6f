/** `checkpoint`: saves a running container's processes, by CRIU. Source: runc checkpoint. */
import { type CheckpointChoices, checkpointContainer } from "../criu/checkpoint.ts";
import { deleteContainer } from "../delete.ts";
import { containerArgument, runtimeCommand } from "./context.ts";
import { criuChoices, criuFlags, InvalidCriuFlag } from "./criu-flags.ts";
import { logWarning } from "./log.ts";
import { unitStopper } from "./units.ts";
import { wordsOf } from "./wording.ts";

export const checkpoint = runtimeCommand({
  name: "checkpoint",
  summary: "checkpoint a running container",
  description: "The checkpoint command saves the state of the container instance.",
  flags: {
    ...criuFlags,
    "parent-path": {
      kind: "string",
      value: "DIR",
      summary: "path for previous criu image files in pre-dump, from --image-path on",
    },
    "leave-running": { kind: "boolean", summary: "leave the process running after checkpointing" },
    "tcp-skip-in-flight": { kind: "boolean", summary: "skip in-flight tcp connections" },
    "link-remap": {
      kind: "boolean",
      summary: "allow one to link unlinked files back when possible",
    },
    "page-server": { kind: "string", value: "ADDRESS:PORT", summary: "where memory is sent" },
    "status-fd": {
      kind: "integer",
      value: "N",
      default: -1,
      summary: "criu writes \\0 to this FD once lazy-pages is ready",
    },
    "pre-dump": {
      kind: "boolean",
      summary: "dump container's memory information only, leave the container running after this",
    },
  },
  arguments: [containerArgument],
  examples: [
    { command: "runc checkpoint --image-path /var/tmp/saved ubuntu01", says: "Save a container and end it" },
  ],
  async run({ flags, arguments: [id = ""] }, { root, program, log }) {
    const parentPath = flags["parent-path"];
    const pageServer = flags["page-server"];
    const statusFd = flags["status-fd"];
    const choices: CheckpointChoices = {
      ...criuChoices(flags),
      ...(parentPath && { parentPath }),
      ...(pageServer && { pageServer: parseAddress(pageServer) }),
      ...(statusFd >= 0 && { statusFd }),
      preDump: flags["pre-dump"],
      more: {
        leave_running: flags["leave-running"],
        tcp_skip_in_flight: flags["tcp-skip-in-flight"],
        link_remap: flags["link-remap"],
      },
    };
    const stopper = await unitStopper(root, id);
    checkpointContainer(root, id, choices);
    if (flags["leave-running"] || choices.preDump) return 0;
    const onWarning = (error: unknown): void => logWarning(log, program, wordsOf(error));
    try {
      // Ended by CRIU, or about to.
      deleteContainer(root, id, { force: true, onWarning, ...stopper });
    } catch (error) {
      // What was asked for is done: the checkpoint is there.
      onWarning(error);
    }
    return 0;
  },
});

const MAX_PORT = 65_535;

/** `192.0.2.1:27` or `[::1]:27`. @throws {InvalidCriuFlag} */
function parseAddress(text: string): { address: string; port: number } {
  const [, bare, bracketed, port = ""] = /^(?:([^:[\]]+)|\[([^[\]]+)\]):([^:]+)$/.exec(text) ?? [];
  const address = bare ?? bracketed;
  const context = { flag: "--page-server", value: text };
  if (address === undefined)
    throw new InvalidCriuFlag(context, "Use --page-server ADDRESS:PORT to specify page server");
  if (!/^\d{1,5}$/.test(port) || Number(port) > MAX_PORT)
    throw new InvalidCriuFlag(context, "Invalid port number");
  return { address, port: Number(port) };
}
