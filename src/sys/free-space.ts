/** Room on file systems. Source: statfs(2). */
import { syscall } from "./binding.ts";
import { check } from "./errno.ts";
import { closeSync, openSync } from "./files.ts";
import { O } from "./open-flags.ts";

const STATFS_BYTES = 120;
/** Where `struct statfs` has the size of a block, and how many are free for everybody. */
const [BLOCK_AT, AVAILABLE_AT] = [8, 32];

/** How many bytes the file system of `path` has for processes without privileges. @throws {SystemCallFailed} */
export function freeBytes(path: string): number {
  const place = openSync(path, O.PATH);
  try {
    const status = new DataView(new ArrayBuffer(STATFS_BYTES));
    check(syscall("fstatfs", place, status), "fstatfs", path);
    return Number(status.getBigUint64(BLOCK_AT, true) * status.getBigUint64(AVAILABLE_AT, true));
  } finally {
    closeSync(place);
  }
}
