/** Our own runtime, in this process. */
import { join } from "node:path";
import { type HostPath, hasCode } from "../../base/index.ts";
import type { RuntimeConfig } from "../../spec/index.ts";
import { duplicate, isInUserNamespace, readTextSync, syscall } from "../../sys/index.ts";
import { cgroupsPath } from "../paths.ts";
import type { Created, CreateRequest, RuntimeDriver } from "./driver.ts";
import { ProgramNotExecutable, ProgramNotFound } from "./errors.ts";

/** Our runtime, with its state below `state`. Loaded when first needed: it knows a lot that other commands do not need. */
export async function ownDriver(state: HostPath): Promise<RuntimeDriver> {
  const runtime = await import("../../runtime/index.ts");
  return {
    name: "teu",
    async create({ id, bundle, stdio, onTerminal, monitor }: CreateRequest): Promise<Created> {
      const units = isUnit(bundle) ? await runtime.userUnits() : undefined;
      const { pid, pidfd, systemCalls, planDigest } = translated(() =>
        runtime.createContainer({
          root: state,
          containerID: id,
          bundle,
          stdio,
          dieWithParent: true,
          parent: monitor,
          ...(units && { planUnit: units.planUnit }),
          // Its own copy is closed when this returns.
          onConsole: (master) => onTerminal(duplicate(master)),
        }),
      );
      syscall("close", pidfd);
      return { pid, systemCalls, planDigest: planDigest() };
    },
    async start(id) {
      translated(() => runtime.startContainer(state, id));
    },
    async exec({ id, process, stdio, onTerminal, isDetached = false }) {
      const { pid, pidfd } = translated(() =>
        runtime.execProcess(state, id, process, {
          stdio,
          dieWithParent: !isDetached,
          onConsole: (master) => onTerminal(duplicate(master)),
        }),
      );
      syscall("close", pidfd);
      return { pid };
    },
    async pidOf(id) {
      try {
        const saved = runtime.loadState(state, id);
        return runtime.statusOf(state, saved) === "stopped" ? undefined : saved.pid;
      } catch (error) {
        if (hasCode(error, "container-not-found")) return undefined;
        throw error;
      }
    },
    async pidsOf(id) {
      return runtime.containerPids(runtime.loadState(state, id));
    },
    async update(id, resources) {
      await runtime.updateContainer(state, id, resources);
    },
    async statsOf(id) {
      return runtime.readStats(runtime.loadState(state, id).cgroupPaths);
    },
    async pause(id) {
      runtime.pauseContainer(state, id);
    },
    async resume(id) {
      runtime.resumeContainer(state, id);
    },
    async kill(id, signal) {
      runtime.killContainer(state, id, signal);
    },
    async delete(id) {
      const units = isInUserNamespace() ? await runtime.userUnits() : undefined;
      runtime.deleteContainer(state, id, {
        force: true,
        cgroupsPath: cgroupsPath(id),
        ...(units && { stopUnit: units.stopUnit }),
      });
    },
  };
}

/** Whether config.json asks for a unit of systemd: a plain user's own one, which root's containers are not. */
function isUnit(bundle: HostPath): boolean {
  if (!isInUserNamespace()) return false;
  const config = JSON.parse(readTextSync(join(bundle, "config.json"))) as RuntimeConfig; // we wrote it
  return config.linux?.cgroupsPath?.includes(":") ?? false;
}

/** What fails because of the program to be run, in the engine's words. */
function translated<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!hasCode(error, "program-not-runnable")) throw error;
    const program = String(error.context["program"]);
    if (error.kind === "not-found") throw new ProgramNotFound({ program }, { cause: error });
    const why = error.message.slice(error.message.lastIndexOf(": ") + 2);
    throw new ProgramNotExecutable({ program, why }, { cause: error });
  }
}
