/** A lock between processes that dies with its holder: flock(2) on a file made for the purpose. */
import { closeSync, openSync } from "node:fs";
import { syscall } from "./binding.ts";
import { check } from "./errno.ts";

const LOCK_EX = 2;
const EINTR = 4;

/**
 * Takes the lock at `path`, waiting for whoever holds it. The wait blocks the process: take it only around work of
 * milliseconds, never around a network, a program or a person. Disposing releases it; the file stays.
 */
export function lockFile(path: string): Disposable {
  const descriptor = openSync(path, "a", 0o600);
  let result: number;
  do result = syscall("flock", descriptor, LOCK_EX);
  while (result === -EINTR);
  if (result < 0) closeSync(descriptor);
  check(result, "flock", path);
  let isOpen = true;
  return {
    [Symbol.dispose](): void {
      if (isOpen) closeSync(descriptor);
      isOpen = false;
    },
  };
}
