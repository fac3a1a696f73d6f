/** Carries out the host steps of a create. Each is told by the plan; nothing here decides whether it is done. */
import type { HookName, Process, RuntimeConfig, RuntimeState } from "../../spec/index.ts";
import { readTextSync } from "../../sys/index.ts";
import { HOME_BYTES } from "../compile/context.ts";
import { compileMissing } from "../compile/destination.ts";
import { PID_TEXT_BYTES } from "../compile/hooks.ts";
import type { HostStep } from "../plan/host-step.ts";
import type { Plan } from "../plan/plan.ts";
import { resetAffinity } from "./affinity.ts";
import { copyUp } from "./copy-up.ts";
import type { Said } from "./dialogue.ts";
import { writeIDMaps } from "./id-maps.ts";
import { isDevice, resolveDangling } from "./in-root.ts";
import { homeOf } from "./passwd.ts";
import { writeProcFile } from "./proc-file.ts";
import { setRlimits } from "./rlimits.ts";
import { sendListener } from "./seccomp.ts";
import { openTree } from "./tree-file.ts";

/** What a step adds to the answer to init. */
export interface HostAnswer {
  readonly values?: readonly number[];
  /** Closed when they are sent. */
  readonly descriptors?: readonly number[];
  /** Fills the slot of the SYNC. */
  readonly bytes?: Uint8Array;
  /** Run by init before it goes on. */
  readonly segment?: Plan;
  /** It does not go on after the segment. */
  readonly isLast?: boolean;
}

/** What the steps work on. */
export interface HostContext {
  readonly config: Pick<RuntimeConfig, "linux">;
  readonly process: Process | undefined;
  /** Takes the terminal's master; the descriptor is closed after the call. */
  readonly onMaster: (master: number) => void;
  /** Makes the container visible as created. */
  readonly onCreated: (pid: number, segment: number) => void;
  /** Moves the network devices to where the socket is; the descriptor is closed after the call. */
  readonly onNetDevices: (socket: number) => void;
  /** The state of the container, whose process `pid` is or has just become one. */
  readonly stateOf: (pid: number) => RuntimeState;
  /** Runs the hooks of these kinds. */
  readonly onHooks: (names: readonly HookName[], pid: number) => void;
  /** The second half of the plan. */
  readonly rest: () => Plan | undefined;
}

/** Does `step` for process `pid`; what it returns is part of the answer to init. */
export function perform(
  context: HostContext,
  step: HostStep,
  said: Extract<Said, { kind: "sync" }>,
  pid: number,
): HostAnswer | undefined {
  const { linux } = context.config;
  const [first = -1] = said.descriptors;
  switch (step.kind) {
    case "cgroup":
      return undefined; // Before init was there.
    case "id-maps":
      writeIDMaps(pid, linux?.uidMappings ?? [], linux?.gidMappings ?? [], {
        uid: process.geteuid?.() ?? 0,
        gid: process.getegid?.() ?? 0,
      });
      return undefined;
    case "time-offsets":
      writeProcFile(pid, "timens_offsets", step.text, "linux.timeOffsets");
      return undefined;
    case "net-devices":
      context.onNetDevices(first);
      return undefined;
    case "rlimits":
      setRlimits(pid, context.process?.rlimits ?? []);
      return undefined;
    case "affinity":
      resetAffinity(pid);
      return undefined;
    case "console":
      context.onMaster(first);
      return undefined;
    case "hooks":
      context.onHooks(step.names, pid);
      return { bytes: new TextEncoder().encode(pidInside(pid).padEnd(PID_TEXT_BYTES)) };
    case "rest": {
      const rest = context.rest();
      return rest === undefined ? undefined : { segment: rest, isLast: true };
    }
    case "missing":
      return { segment: compileMissing(step.path, step.want, step.strict) };
    case "resolve-dangling":
      return { segment: compileMissing(resolveDangling(first, step.path), step.want, false) };
    case "tree":
      return { descriptors: openTree(step, pid) };
    case "copy-up":
      return copyUp(first, step.destination, said.values[0] ?? 0, pid);
    case "verify-device":
      return { values: [isDevice(first, step) ? 1 : 0] };
    case "home":
      return { bytes: homeVariable(homeOf(first, step.uid)) };
    case "listener":
      sendListener(step, said.values[0] ?? -1, pid, context.stateOf(pid));
      return undefined;
    case "state":
      context.onCreated(pid, said.segment);
      return undefined;
  }
}

/** The pid of a process in its own namespace. */
function pidInside(pid: number): string {
  return /^NSpid:.*\t(\d+)$/m.exec(readTextSync(`/proc/${pid}/status`))?.[1] ?? String(pid);
}

/** With the NUL that ends it. What does not fit is no path. */
function homeVariable(home: string): Uint8Array {
  const bytes = new TextEncoder().encode(`HOME=${home}\0`);
  return bytes.length > HOME_BYTES ? homeVariable("/") : bytes;
}
