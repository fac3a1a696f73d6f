/** `start`: lets a created container run its program. Source: runtime-spec runtime.md, start. */

import { closeSync } from "../../sys/index.ts";
import { openInit } from "../kill.ts";
import type { NotifySocket } from "../machine/notify.ts";
import { startContainer } from "../machine/start.ts";
import { loadState } from "../state.ts";
import { containerArgument, runtimeCommand } from "./context.ts";
import { notifySocket } from "./systemd.ts";

export const start = runtimeCommand({
  name: "start",
  summary: "execute the user defined process in a created container",
  flags: {},
  arguments: [containerArgument],
  examples: [{ command: "runc start ubuntu01", says: "Start a container that has been created" }],
  async run({ arguments: [id = ""] }, { root }) {
    using notify = await notifySocket(root, id);
    startContainer(root, id);
    if (notify !== undefined) waitUntilReady(notify, root, id);
    return 0;
  },
});

function waitUntilReady(notify: NotifySocket, root: string, id: string): void {
  const state = loadState(root, id);
  const pidfd = openInit(state);
  notify.wait(state.pid, pidfd);
  if (pidfd !== undefined) closeSync(pidfd);
}
