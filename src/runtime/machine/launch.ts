/**
 * Starts native/init.c on a plan: both in sealed memory files, so a container can neither see nor overwrite a binary
 * of the runtime (CVE-2019-5736). init gets its standard streams, the plan, the socket and its slots, nothing else.
 */
import initProgram from "../../../native/out/init.elf.base64" with { type: "text" };
import {
  check,
  cString,
  type Ended,
  errno,
  openSync,
  reap,
  type Spawn,
  SystemCallFailed,
  sealedFile,
  socketPair,
  spawn,
  syscall,
  tellSenders,
} from "../../sys/index.ts";
import { encodePlan } from "../plan/encode.ts";
import type { Plan, Slot } from "../plan/plan.ts";
import { startTimeOf } from "../state.ts";
import { openNamespace } from "./namespace-file.ts";
import { openProcfs } from "./procfs.ts";

/** Whose child init is: this process's, unless somebody else, the engine's monitor, is to outlive it. */
export interface InitParent {
  /** @param meanwhile  What can be done while another process does it; it throws nothing. */
  spawn(
    request: Spawn & { readonly executable: number },
    meanwhile?: () => void,
  ): { pid: number; pidfd: number };
  /** Waits until `pid` has ended, and reaps it. */
  reap(pid: number): Ended | undefined;
}

/** This process. */
export const OURSELVES: InitParent = {
  spawn: (request) => spawn(request),
  reap: (pid) => reap(pid, { wait: true }),
};

/** What is held of a running init. The caller closes both descriptors, and has the process reaped. */
export interface Launched {
  readonly pid: number;
  readonly pidfd: number;
  readonly socket: number;
  readonly parent: InitParent;
}

/** The plan as a sealed file, as a first plan or as the segment of a SYNC's answer. The caller closes it. */
export function planFile(plan: Plan): number {
  return sealedFile("teu-plan", encodePlan(plan));
}

/** Starts init. Everything that it inherits is opened before and closed after. @throws {SystemCallFailed} */
export function launch(
  plan: Plan,
  options: {
    stdio: readonly [number, number, number];
    cloneFlags: number;
    cgroup?: number;
    parent?: InitParent | undefined;
    meanwhile?: () => void;
  },
): Launched {
  const { parent = OURSELVES, meanwhile } = options;
  const mine: number[] = [];
  try {
    const executable = sealedFile("teu-init", Uint8Array.fromBase64(initProgram), { executable: true });
    mine.push(executable);
    const planDescriptor = planFile(plan);
    mine.push(planDescriptor);
    const slots = plan.slots.map((slot) => {
      const descriptor = openSlot(slot);
      if (slot.kind !== "inherited") mine.push(descriptor);
      return descriptor;
    });
    const [socket, theirs] = socketPair();
    tellSenders(socket);
    mine.push(theirs);
    try {
      const request = {
        executable,
        argv: ["teu-init"],
        env: [],
        descriptors: [...options.stdio, planDescriptor, theirs, ...slots],
        cloneFlags: options.cloneFlags,
        ...(options.cgroup !== undefined && { cgroup: options.cgroup }),
      };
      const { pid, pidfd } = parent.spawn(request, meanwhile);
      return { pid, pidfd, socket, parent };
    } catch (error) {
      syscall("close", socket);
      throw error;
    }
  } finally {
    for (const descriptor of mine) syscall("close", descriptor);
  }
}

const O_CLOEXEC = 0o2000000;
const O_FLAGS = { read: 0, write: 1, fifo: 2, path: 0o10000000 } as const;
const AT_FDCWD = -100;

function openSlot(slot: Slot): number {
  switch (slot.kind) {
    case "file":
      return slot.flags === "path"
        ? check(
            syscall("openat", AT_FDCWD, cString(slot.path), O_FLAGS.path | O_CLOEXEC),
            "openat",
            slot.path,
          )
        : openSync(slot.path, O_FLAGS[slot.flags] | O_CLOEXEC);
    case "pidfd":
      return openProcess(slot.pid, slot.startTime);
    case "namespace":
      return openNamespace(slot.field, slot.path, slot.type);
    case "procfs":
      return openProcfs();
    case "inherited":
      return slot.descriptor;
  }
}

function openProcess(pid: number, startTime: string): number {
  const pidfd = check(syscall("pidfd_open", pid, 0), "pidfd_open", String(pid));
  if (startTimeOf(pid) === startTime) return pidfd;
  syscall("close", pidfd);
  throw new SystemCallFailed("pidfd_open", errno.ESRCH, String(pid));
}
