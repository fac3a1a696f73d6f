/**
 * Being told when the kernel kills in a container for want of memory, and when the container is no more. v1: an eventfd
 * that memory.oom_control counts up; v2: changes of memory.events and cgroup.events.
 * Source: kernel cgroup-v1/memory.rst, OOM control; cgroup-v2.rst, memory.events; inotify(7), eventfd(2).
 */
import { TeuError } from "../../base/index.ts";
import { check, cString, existsSync, O, openSync, syscall } from "../../sys/index.ts";
import { writeCgroupFile } from "./file.ts";
import { type CgroupPaths, controllerPath } from "./path.ts";
import { readKeys } from "./stats/values.ts";

const CLOEXEC = 0o2000000;
const NONBLOCK = 0o4000;
const IN_MODIFY = 2;
const BUFFER_BYTES = 4096;

/** What to wait for. Disposing closes it. */
export interface OomEvents extends Disposable {
  /** Readable when something happened. */
  readonly descriptor: number;
  /** What happened since the last call. */
  take(): { readonly isOom: boolean; readonly isOver: boolean };
}

/** Nobody counts the container's memory. The words are runc's. */
export class NoMemoryController extends TeuError<"no-memory-controller"> {
  constructor() {
    super("no-memory-controller", "failed-precondition", {}, "memory controller missing");
  }
}

/** Starts listening. @throws {NoMemoryController} {SystemCallFailed} also when the container's cgroup is gone */
export function listenForOom(paths: CgroupPaths): OomEvents {
  const memory = controllerPath(paths, "memory");
  if (memory === undefined) throw new NoMemoryController();
  return memory.version === 1 ? listenV1(memory.path) : listenV2(memory.path);
}

function listenV1(directory: string): OomEvents {
  const descriptor = check(syscall("eventfd2", 0, CLOEXEC | NONBLOCK), "eventfd2");
  const control = openSync(`${directory}/memory.oom_control`, O.RDONLY);
  writeCgroupFile(`${directory}/cgroup.event_control`, `${descriptor} ${control}`);
  return {
    descriptor,
    take() {
      const isRead = syscall("read", descriptor, new Uint8Array(8), 8) === 8;
      // The kernel also counts up when the cgroup is removed.
      const isOver = !existsSync(`${directory}/cgroup.event_control`);
      return { isOom: isRead && !isOver, isOver };
    },
    [Symbol.dispose]() {
      for (const each of [descriptor, control]) syscall("close", each);
    },
  };
}

function listenV2(directory: string): OomEvents {
  if (existsSync(directory) && !existsSync(`${directory}/memory.events`)) throw new NoMemoryController();
  const descriptor = check(syscall("inotify_init1", CLOEXEC | NONBLOCK), "inotify_init1");
  for (const file of ["memory.events", "cgroup.events"]) {
    const path = `${directory}/${file}`;
    const result = syscall("inotify_add_watch", descriptor, cString(path), IN_MODIFY);
    if (result < 0) syscall("close", descriptor);
    check(result, "inotify_add_watch", path);
  }
  const killed = (): bigint => readKeys(directory, "memory.events")["oom_kill"] ?? 0n;
  let known = killed();
  return {
    descriptor,
    take() {
      while (syscall("read", descriptor, new Uint8Array(BUFFER_BYTES), BUFFER_BYTES) > 0);
      const now = killed();
      const isOom = now > known;
      if (isOom) known = now;
      return { isOom, isOver: readKeys(directory, "cgroup.events")["populated"] !== 1n };
    },
    [Symbol.dispose]() {
      syscall("close", descriptor);
    },
  };
}
