/** Our own runtime, in this process. Each operation is loaded when it is first needed: no command needs all of them. */
import type { HostPath } from "../../base/index.ts";
import type { RuntimeDriver } from "./driver.ts";

/** Our runtime, with its state below `state`. */
export function ownDriver(state: HostPath): RuntimeDriver {
  const creating = () => import("./own-create.ts");
  const executing = () => import("./own-exec.ts");
  const ending = () => import("./own-end.ts");
  const others = () => import("./own-others.ts");
  return {
    name: "teu",
    prepare: creating,
    prepareExec: executing,
    prepareEnd: ending,
    create: async (request) => await (await creating()).create(state, request),
    start: async (id) => await (await creating()).start(state, id),
    exec: async (request) => await (await executing()).exec(state, request),
    pidOf: async (id) => (await ending()).pidOf(state, id),
    kill: async (id, signal) => (await ending()).kill(state, id, signal),
    delete: async (id) => await (await ending()).remove(state, id),
    pidsOf: async (id) => (await others()).pidsOf(state, id),
    update: async (id, resources) => await (await others()).update(state, id, resources),
    statsOf: async (id) => (await others()).statsOf(state, id),
    pause: async (id) => (await others()).pause(state, id),
    resume: async (id) => (await others()).resume(state, id),
  };
}
