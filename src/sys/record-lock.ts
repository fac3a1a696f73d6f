/** Locks of fcntl(2), which other programs take: of an open file, not of a process, so that nobody's close lets go of it. */
import { syscall } from "./binding.ts";
import { check, errno } from "./errno.ts";
import { closeSync, openSync } from "./files.ts";
import { O } from "./open-flags.ts";

const F_OFD_SETLK = 37;
const F_RDLCK = 0;
/** `struct flock`: type, whence, start, length (0: to the end), pid. */
const FLOCK_BYTES = 32;

/** Shares the file at `path` with other readers, or returns undefined while somebody writes. Disposing lets go. Throws SystemCallFailed. */
export function tryShareFile(path: string): Disposable | undefined {
  const descriptor = openSync(path, O.RDONLY);
  const lock = new DataView(new ArrayBuffer(FLOCK_BYTES));
  lock.setInt16(0, F_RDLCK, true);
  const result = syscall("fcntl", descriptor, F_OFD_SETLK, lock);
  if (result < 0) closeSync(descriptor);
  if (result === -errno.EAGAIN || result === -errno.EACCES) return undefined;
  check(result, "fcntl", path);
  let isOpen = true;
  return {
    [Symbol.dispose](): void {
      if (isOpen) closeSync(descriptor);
      isOpen = false;
    },
  };
}
