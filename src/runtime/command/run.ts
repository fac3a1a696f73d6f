/** `run`: create and start; in the foreground also wait, with the container's exit status as ours, and delete. */
import { check, syscall } from "../../sys/index.ts";
import { createContainer } from "../machine/create.ts";
import { startContainer } from "../machine/start.ts";
import { containerArgument, runtimeCommand } from "./context.ts";
import { createFlags, createOptions } from "./create.ts";
import { Foreground } from "./foreground.ts";
import { orRemove, removeContainer } from "./or-remove.ts";
import { sendPidfd, writePidFile } from "./sockets.ts";
import { fromSystemd, notifySocket } from "./systemd.ts";
import { unitPlanner } from "./units.ts";
import { CommandFailed } from "./wording.ts";

const PR_SET_CHILD_SUBREAPER = 36;

export const run = runtimeCommand({
  name: "run",
  summary: "create and run a container",
  description: `The run command creates an instance of a container for a bundle and starts it. Without
   --detach it stays until the container has ended, and ends with its exit status.`,
  flags: {
    ...createFlags,
    detach: { kind: "boolean", short: "d", summary: "detach from the container's process" },
    keep: { kind: "boolean", summary: "do not delete the container after it exits" },
    "no-subreaper": {
      kind: "boolean",
      summary: "disable the use of the subreaper used to reap reparented processes",
    },
  },
  arguments: [containerArgument],
  examples: [{ command: "runc run ubuntu01", says: "Run the bundle in the current directory" }],
  async run({ flags, arguments: [containerID = ""] }, context) {
    const { detach, keep } = flags;
    const { root, program } = context;
    const options = createOptions(flags, containerID, context);
    const { onWarning } = options;
    try {
      if (!detach && !flags["no-subreaper"]) check(syscall("prctl", PR_SET_CHILD_SUBREAPER, 1), "prctl");
      using foreground = detach ? undefined : new Foreground();
      const onConsole = foreground && ((master: number): void => foreground.attach(master));
      const created = createContainer({
        ...options,
        ...(await unitPlanner(context)),
        ...(await fromSystemd(flags["preserve-fds"])),
        ...(onConsole && { onConsole }),
      });
      using notify = await orRemove(context, options, created, () => notifySocket(root, containerID));
      await orRemove(context, options, created, () => {
        sendPidfd(flags["pidfd-socket"], created.pidfd, "standard");
        writePidFile(flags["pid-file"], created.pid);
        startContainer(root, containerID);
        if (foreground === undefined) notify?.wait(created.pid, created.pidfd);
      });
      if (foreground === undefined) return 0;
      notify?.follow(created.pid).catch(onWarning);
      foreground.follow(created.pidfd);
      const status = await foreground.ended(created.pid);
      if (!keep) await removeContainer(context, options);
      return status;
    } catch (error) {
      throw new CommandFailed("run", program, error);
    }
  },
});
