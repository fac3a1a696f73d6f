/** `create`: everything up to the container's program, which waits for `start`. Source: runtime-spec runtime.md, create. */

import { syscall } from "../../sys/index.ts";
import { type CreateOptions, createContainer } from "../machine/create.ts";
import { BUNDLE_FLAG, containerArgument, type RuntimeContext, runtimeCommand } from "./context.ts";
import { logWarning } from "./log.ts";
import { orRemove } from "./or-remove.ts";
import { sendPidfd, writePidFile } from "./sockets.ts";
import { fromSystemd } from "./systemd.ts";
import { unitPlanner } from "./units.ts";
import { CommandFailed, wordsOf } from "./wording.ts";

/** The flags that create and run share. */
export const createFlags = {
  bundle: BUNDLE_FLAG,
  // crun's: podman and others that know it may pass it.
  config: { kind: "string", short: "f", value: "FILE", summary: "config.json by another name", hidden: true },
  "console-socket": {
    kind: "string",
    value: "PATH",
    summary:
      "path to an AF_UNIX socket which will receive a file descriptor referencing the master end of the console's pseudoterminal",
  },
  "pidfd-socket": {
    kind: "string",
    value: "PATH",
    summary: "path to an AF_UNIX socket which will receive a file descriptor referencing the init process",
  },
  "pid-file": { kind: "string", value: "FILE", summary: "specify the file to write the process id to" },
  "no-pivot": { kind: "boolean", summary: "do not use pivot root to jail process inside rootfs" },
  "no-new-keyring": { kind: "boolean", summary: "do not create a new session keyring for the container" },
  "preserve-fds": {
    kind: "integer",
    value: "N",
    default: 0,
    summary: "pass N additional file descriptors to the container",
  },
} as const;

export const create = runtimeCommand({
  name: "create",
  summary: "create a container",
  description: `The create command creates an instance of a container for a bundle: a directory with a
   specification file named "config.json" and a root file system.`,
  flags: createFlags,
  arguments: [containerArgument],
  examples: [
    { command: "runc create --bundle /mycontainer ubuntu01", says: "Create a container from a bundle" },
  ],
  async run({ flags, arguments: [containerID = ""] }, context) {
    try {
      const options = {
        ...createOptions(flags, containerID, context),
        ...(await unitPlanner(context)),
        ...(await fromSystemd(flags["preserve-fds"])),
      };
      const created = createContainer(options);
      await orRemove(context, options, created, () => {
        sendPidfd(flags["pidfd-socket"], created.pidfd, "standard");
        writePidFile(flags["pid-file"], created.pid);
      });
      syscall("close", created.pidfd);
      return 0;
    } catch (error) {
      throw new CommandFailed("create", context.program, error);
    }
  },
});

/** What the flags say, in the core's words. */
export function createOptions(
  flags: {
    readonly bundle: string;
    readonly config: string | undefined;
    readonly "console-socket": string | undefined;
    readonly "no-pivot": boolean;
    readonly "no-new-keyring": boolean;
    readonly "preserve-fds": number;
  },
  containerID: string,
  { root, rootless, program, log, cgroupManager }: RuntimeContext,
): CreateOptions {
  const consoleSocket = flags["console-socket"];
  return {
    root,
    containerID,
    bundle: flags.bundle,
    ...(flags.config && { configFile: flags.config }),
    stdio: [0, 1, 2],
    ...(consoleSocket && { consoleSocket }),
    noPivot: flags["no-pivot"],
    noNewKeyring: flags["no-new-keyring"],
    preserveFds: flags["preserve-fds"],
    ...(rootless !== undefined && { rootless }),
    withoutCgroup: cgroupManager === "disabled",
    onWarning: (error) => logWarning(log, program, wordsOf(error)),
  };
}
