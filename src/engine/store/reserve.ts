/**
 * Room for records on a full disk: a file that is given up when nothing else is left, so that what fills the disk can be
 * removed. SQLite cannot even be opened without some room, and then nothing could be (moby#21925).
 */
import type { HostPath } from "../../base/index.ts";
import { existsSync, freeBytes, removeSync } from "../../sys/index.ts";

const RESERVE_BYTES = 1 << 20;
/** Below this the next record may not find room. */
const NEEDED_BYTES = 256 << 10;
/** Above this a reserve takes nothing that anybody would miss. */
const PLENTY_BYTES = 16 << 20;

/** Gives the reserve in `folder` up where there is no room any more, and makes it where there is plenty. */
export function tendReserve(folder: HostPath): void {
  const path = `${folder}/reserve`;
  const free = freeBytes(folder);
  if (free < NEEDED_BYTES) removeSync(path);
  else if (free > PLENTY_BYTES && !existsSync(path)) {
    // Loaded when a store is new: they take three milliseconds.
    const { randomBytes } = process.getBuiltinModule("node:crypto");
    const { writeFileSync } = process.getBuiltinModule("node:fs");
    // Noise: a file system that compresses would keep no room for zeros.
    writeFileSync(path, randomBytes(RESERVE_BYTES));
  }
}
