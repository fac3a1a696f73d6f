/** A procfs for init, from before anything of a container is there. Source: proc(5); fsopen(2). */
import { TeuError } from "../../base/index.ts";
import { check, cString, syscall } from "../../sys/index.ts";
import {
  AT_FDCWD,
  FSCONFIG_CMD_CREATE,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  O_CLOEXEC,
  O_PATH,
  PROC_SUPER_MAGIC,
  STATFS_BYTES,
} from "../compile/constants.ts";

/** A procfs that nothing is mounted over. Who may not make one has the machine's own, if that is one. */
export function openProcfs(): number {
  const context = syscall("fsopen", cString("proc"), FSOPEN_CLOEXEC);
  if (context >= 0) {
    const created = syscall("fsconfig", context, FSCONFIG_CMD_CREATE, 0, 0, 0);
    const mount = created < 0 ? created : syscall("fsmount", context, FSMOUNT_CLOEXEC, 0);
    syscall("close", context);
    if (mount >= 0) return mount;
  }
  const descriptor = check(
    syscall("openat", AT_FDCWD, cString("/proc"), O_PATH | O_CLOEXEC),
    "openat",
    "/proc",
  );
  const about = new BigUint64Array(STATFS_BYTES / 8);
  if (syscall("fstatfs", descriptor, about) === 0 && about[0] === PROC_SUPER_MAGIC) return descriptor;
  syscall("close", descriptor);
  throw new NoProcfs({ path: "/proc" });
}

/** What lies at /proc is something else. */
export class NoProcfs extends TeuError<"no-procfs", { path: string }> {
  constructor(context: { path: string }) {
    super("no-procfs", "failed-precondition", context, `Cannot use ${context.path}: it is no procfs`);
  }
}
