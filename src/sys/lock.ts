/** A lock between processes that dies with its holder: flock(2) on a file made for the purpose. */

import { syscall } from "./binding.ts";
import { check } from "./errno.ts";
import { closeSync, openSync } from "./files.ts";
import { O } from "./open-flags.ts";

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const EINTR = 4;
const EWOULDBLOCK = 11;

/**
 * Takes the lock at `path`, waiting for whoever holds it. The wait blocks the process: take it only around work of
 * milliseconds, never around a network, a program or a person. Disposing releases it; the file stays.
 */
export function lockFile(path: string): Disposable {
  return take(path, LOCK_EX) as Disposable; // it waits, so it gets it
}

/** Takes the lock at `path`, or returns undefined while somebody has it: another process, or this one. */
export function tryLockFile(path: string): Disposable | undefined {
  return take(path, LOCK_EX | LOCK_NB);
}

/** The same together with all who take it so; undefined while somebody has it alone. */
export function tryShareLock(path: string): Disposable | undefined {
  return take(path, LOCK_SH | LOCK_NB);
}

function take(path: string, operation: number): Disposable | undefined {
  const descriptor = openSync(path, O.WRONLY | O.CREAT | O.APPEND, 0o600);
  let result: number;
  do result = syscall("flock", descriptor, operation);
  while (result === -EINTR);
  if (result < 0) closeSync(descriptor);
  if (result === -EWOULDBLOCK) return undefined;
  check(result, "flock", path);
  let isOpen = true;
  return {
    [Symbol.dispose](): void {
      if (isOpen) closeSync(descriptor);
      isOpen = false;
    },
  };
}
