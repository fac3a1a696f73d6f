/** Waiting for a runtime that is a child of the monitor, and the end of one that hangs. */
import { closeSync, readFileSync } from "node:fs";
import { check, errno, syscall } from "../../sys/index.ts";

const POLLIN = 1;
const SIGKILL = 9;
/** Nearly every runtime has done its work by then: nobody has to look again. */
const AT_ONCE_MS = 50;
const LOOK_AGAIN_MS = 20;
const LOOKS = 100;

/** Waits until the process behind `pidfd` has ended. Bun has no way to be told. @throws the reason of `signal` */
export async function processEnd(pidfd: number, signal: AbortSignal | undefined): Promise<void> {
  for (let isEnded = endsWithin(pidfd, AT_ONCE_MS); !isEnded; isEnded = endsWithin(pidfd, 0)) {
    signal?.throwIfAborted();
    await Bun.sleep(LOOK_AGAIN_MS);
  }
}

function endsWithin(pidfd: number, milliseconds: number): boolean {
  const limit = BigInt64Array.of(0n, BigInt(milliseconds * 1_000_000)); // struct timespec
  const ready = syscall("ppoll", Int32Array.of(pidfd, POLLIN), 1, limit, 0, 0);
  return ready !== -errno.EINTR && check(ready, "ppoll") > 0;
}

/**
 * Kills all children of `parent`, which is the reaper of what they leave behind: so these are its children next, until there are none.
 * A runtime and all that it has begun.
 */
export async function endChildren(parent: number): Promise<void> {
  for (let look = 0; look < LOOKS; look++) {
    const children = childrenOf(parent);
    if (children.length === 0) return;
    for (const child of children) kill(child, parent);
    await Bun.sleep(LOOK_AGAIN_MS / 4);
  }
}

function childrenOf(pid: number): number[] {
  const text = read(`/proc/${pid}/task/${pid}/children`); // the monitor has one thread
  return text === "" ? [] : text.trim().split(" ").map(Number);
}

/** By a descriptor: a number may be another process's by now. */
function kill(pid: number, parent: number): void {
  const pidfd = syscall("pidfd_open", pid, 0);
  if (pidfd < 0) return;
  const [, ppid] = /^\d+ \(.*\) \S (\d+) /s.exec(read(`/proc/${pid}/stat`)) ?? [];
  if (Number(ppid) === parent) syscall("pidfd_send_signal", pidfd, SIGKILL, 0, 0);
  closeSync(pidfd);
}

/** Empty where the process has gone. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
