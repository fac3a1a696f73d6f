/** `restore`: a container goes on from where a checkpoint left it. In the foreground as `run`. Source: runc restore. */
import { check, syscall } from "../../sys/index.ts";
import { type RestoreOptions, restoreContainer } from "../criu/restore.ts";
import { deleteContainer } from "../delete.ts";
import { containerArgument, runtimeCommand } from "./context.ts";
import { createFlags } from "./create.ts";
import { criuChoices, criuFlags } from "./criu-flags.ts";
import { Foreground } from "./foreground.ts";
import { logWarning } from "./log.ts";
import { writePidFile } from "./sockets.ts";
import { unitPlanner, unitStopper } from "./units.ts";
import { CommandFailed, wordsOf } from "./wording.ts";

const PR_SET_CHILD_SUBREAPER = 36;

export const restore = runtimeCommand({
  name: "restore",
  summary: "restore a container from a previous checkpoint",
  description:
    "Restores the saved state of the container instance that was previously saved using the checkpoint command.",
  flags: {
    ...criuFlags,
    bundle: createFlags.bundle,
    config: createFlags.config,
    "console-socket": createFlags["console-socket"],
    "pid-file": createFlags["pid-file"],
    "no-pivot": createFlags["no-pivot"],
    detach: { kind: "boolean", short: "d", summary: "detach from the container's process" },
    "no-subreaper": {
      kind: "boolean",
      summary: "disable the use of the subreaper used to reap reparented processes",
    },
    "lsm-profile": {
      kind: "string",
      value: "TYPE:NAME",
      summary: "LSM profile to be used during restore",
    },
    "lsm-mount-context": {
      kind: "string",
      value: "LABEL",
      summary: "LSM mount context to be used during restore",
    },
  },
  arguments: [containerArgument],
  examples: [
    {
      command: "runc restore --detach --image-path /var/tmp/saved ubuntu01",
      says: "Let a container go on from where it was saved",
    },
  ],
  async run({ flags, arguments: [containerID = ""] }, context) {
    const { root, rootless, program, log, cgroupManager } = context;
    const { detach, config } = flags;
    const onWarning = (error: unknown): void => logWarning(log, program, wordsOf(error));
    const [profile, mountContext] = [flags["lsm-profile"], flags["lsm-mount-context"]];
    const consoleSocket = flags["console-socket"];
    try {
      const choices = {
        ...criuChoices(flags),
        more: {
          ...(profile && { lsm_profile: profile }),
          ...(mountContext && { lsm_mount_context: mountContext }),
        },
      };
      if (!detach && !flags["no-subreaper"]) check(syscall("prctl", PR_SET_CHILD_SUBREAPER, 1), "prctl");
      using foreground = detach ? undefined : new Foreground();
      const onConsole = foreground && ((master: number): void => foreground.attach(master));
      const { NOTIFY_SOCKET: notifyHost } = process.env;
      const options: RestoreOptions = {
        ...{ root, containerID, bundle: flags.bundle, onWarning, stdio: [0, 1, 2] },
        ...(config && { configFile: config }),
        ...(consoleSocket && { consoleSocket }),
        ...(notifyHost && { notifyHost }),
        noPivot: flags["no-pivot"],
        ...(rootless !== undefined && { rootless }),
        withoutCgroup: cgroupManager === "disabled",
        ...(await unitPlanner(context)),
        ...(onConsole && { onConsole }),
      };
      const remove = async (): Promise<void> =>
        deleteContainer(root, containerID, {
          force: true,
          onWarning,
          ...(await unitStopper(root, containerID)),
        });
      const { pid, pidfd, notify: opened, isReady } = restoreContainer(options, choices);
      using notify = opened;
      try {
        foreground?.restored();
        writePidFile(flags["pid-file"], pid);
        if (isReady) notify?.tellReady(pid, { thenLeave: foreground === undefined });
        else if (foreground === undefined) notify?.wait(pid, pidfd);
      } catch (error) {
        syscall("close", pidfd);
        await remove();
        throw error;
      }
      if (foreground === undefined) return 0;
      if (!isReady) notify?.follow(pid).catch(onWarning);
      foreground.follow(pidfd);
      const status = await foreground.ended(pid);
      await remove();
      return status;
    } catch (error) {
      throw new CommandFailed("restore", program, error);
    }
  },
});
