/** Pipes and copies of descriptors. Source: pipe(2), fcntl(2). */
import { syscall } from "./binding.ts";
import { check } from "./errno.ts";

const O_CLOEXEC = 0o2000000;
const F_DUPFD_CLOEXEC = 1030;

/** A pipe, close-on-exec: what is written to `write` is read from `read`. The caller closes both. @throws {SystemCallFailed} */
export function pipe(): { read: number; write: number } {
  const ends = new Int32Array(2);
  check(syscall("pipe2", ends, O_CLOEXEC), "pipe2");
  return { read: ends[0] ?? -1, write: ends[1] ?? -1 };
}

/** One more descriptor of the same open file, close-on-exec. The caller closes it. @throws {SystemCallFailed} */
export function duplicate(descriptor: number): number {
  return check(syscall("fcntl", descriptor, F_DUPFD_CLOEXEC, 0), "fcntl");
}
