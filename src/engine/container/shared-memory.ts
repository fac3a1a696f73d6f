/**
 * /dev/shm of containers that share it: a file system of the host's in the bundle of the one that made it, which lasts as long as that one
 * runs. Source: docker run reference, --ipc.
 */
import { closeSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type HostPath, TeuError } from "../../base/index.ts";
import { check, cString, syscall } from "../../sys/index.ts";
import { attachMount, setOption } from "../mount/calls.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { bundleDirectory, type Store } from "../store/store.ts";
import { findContainer } from "./find.ts";

/** Docker's word for a container whose IPC others may join. */
export const SHAREABLE = "shareable";
const NAME = "shm";
const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG_CMD_CREATE = 6;
const ATTRIBUTES = 2 | 4 | 8; // nosuid, nodev, noexec
/** Docker's default. */
export const SHARED_MEMORY_BYTES: number = 64 << 20;

/** The other container keeps its IPC to itself. Docker's words. */
export class NotShareable extends TeuError<"not-shareable", { id: string }> {
  constructor(context: { id: string }) {
    super(
      "not-shareable",
      "failed-precondition",
      context,
      `cannot join IPC of a non-shareable container: ${context.id}`,
      { hint: "Make that container with --ipc shareable" },
    );
  }
}

/** Where the shared memory of the container whose bundle is `bundle` is, if it has one for others. */
export function sharedMemoryIn(bundle: HostPath): HostPath {
  return join(bundle, NAME) as HostPath;
}

/** Makes it. */
export function mountSharedMemory(bundle: HostPath, bytes: number = SHARED_MEMORY_BYTES): void {
  const target = sharedMemoryIn(bundle);
  mkdirSync(target, { recursive: true });
  const context = check(syscall("fsopen", cString("tmpfs"), FSOPEN_CLOEXEC), "fsopen", "tmpfs");
  let mount = -1;
  try {
    for (const [key, value] of [
      ["source", "shm"],
      ["size", `${bytes}`],
      ["mode", "1777"],
    ] as const)
      check(setOption(context, key, value), "fsconfig", key);
    check(syscall("fsconfig", context, FSCONFIG_CMD_CREATE, 0, 0, 0), "fsconfig", target);
    mount = check(syscall("fsmount", context, FSMOUNT_CLOEXEC, ATTRIBUTES), "fsmount", target);
    attachMount(mount, target);
  } finally {
    closeSync(context);
    if (mount >= 0) closeSync(mount);
  }
}

/** What `container` is to have as its /dev/shm; undefined: one of its own. @throws {NotShareable} */
export function sharedMemoryOf(store: Store, { id, settings }: ContainerRecord): HostPath | undefined {
  if (settings.ipc === "host") return "/dev/shm" as HostPath;
  if (settings.ipc === SHAREABLE) return sharedMemoryIn(bundleDirectory(store, id));
  if (settings.joins?.ipc === undefined) return undefined;
  const other = findContainer(store, settings.joins.ipc);
  if (other.settings.ipc === "host") return "/dev/shm" as HostPath;
  if (other.settings.ipc !== SHAREABLE) throw new NotShareable({ id: other.id });
  return sharedMemoryIn(bundleDirectory(store, other.id));
}
