/** The runtime's commands by their words, each in a file of its own that is loaded when it is called. */
import type { CommandTable, Entry } from "../../base/index.ts";
import type { RuntimeContext } from "./context.ts";

export const COMMANDS: CommandTable<RuntimeContext> = {
  check: entry("show everything that is wrong with a bundle", async () => (await import("./check.ts")).check),
  checkpoint: entry(
    "checkpoint a running container",
    async () => (await import("./checkpoint.ts")).checkpoint,
  ),
  create: entry("create a container", async () => (await import("./create.ts")).create),
  delete: entry(
    "delete any resources held by the container",
    async () => (await import("./delete.ts")).remove,
  ),
  events: entry(
    "display container events such as OOM notifications, cpu, memory, and IO usage statistics",
    async () => (await import("./events.ts")).events,
  ),
  exec: entry("execute new process inside the container", async () => (await import("./exec.ts")).exec),
  explain: entry(
    "tell what each field of a bundle's config.json comes to, and what it leaves open",
    async () => (await import("./explain.ts")).explain,
  ),
  features: entry("show the enabled features", async () => (await import("./features.ts")).features),
  kill: entry("send a signal to the container's init process", async () => (await import("./kill.ts")).kill),
  list: entry("list containers of the given root", async () => (await import("./list.ts")).list),
  pause: entry("suspend all processes inside the container", async () => (await import("./pause.ts")).pause),
  plan: entry(
    "show the system calls that would create a container",
    async () => (await import("./plan.ts")).plan,
  ),
  ps: entry("display the processes running inside a container", async () => (await import("./ps.ts")).ps),
  restore: entry(
    "restore a container from a previous checkpoint",
    async () => (await import("./restore.ts")).restore,
  ),
  resume: entry(
    "resume all processes that have been paused",
    async () => (await import("./pause.ts")).resume,
  ),
  run: entry("create and run a container", async () => (await import("./run.ts")).run),
  spec: entry("create a new specification file", async () => (await import("./spec.ts")).spec),
  start: entry(
    "execute the user defined process in a created container",
    async () => (await import("./start.ts")).start,
  ),
  state: entry("output the state of a container", async () => (await import("./state.ts")).state),
  update: entry("update container resource constraints", async () => (await import("./update.ts")).update),
};

function entry(summary: string, load: Entry<RuntimeContext>["load"]): Entry<RuntimeContext> {
  return { summary, load };
}
