/**
 * Reading and writing cgroup files. A path's last part is never followed as a link, and a file is never made:
 * one that the kernel did not put there is not a cgroup file.
 */

import { TeuError } from "../../base/index.ts";
import {
  closeSync,
  errnoOf,
  O,
  openSync,
  readTextIfAnySync,
  readTextSync,
  writeSync,
} from "../../sys/index.ts";
import type { CgroupWrite } from "./write.ts";

/** The kernel refused a value. */
export class CgroupWriteFailed extends TeuError<
  "cgroup-write-failed",
  { clause: string; path: string; value: string; errno: string; why: string }
> {
  constructor(
    context: { clause: string; path: string; value: string; errno: string; why: string },
    cause: unknown,
  ) {
    const { clause, path, value, errno, why } = context;
    super(
      "cgroup-write-failed",
      errno === "EACCES" || errno === "EPERM" || errno === "EROFS"
        ? "permission-denied"
        : "failed-precondition",
      context,
      `Cannot set ${clause}: writing ${JSON.stringify(value)} to ${path}: ${errno}${why}`,
      { cause },
    );
  }
}

const WRITE = O.WRONLY | O.NOFOLLOW;
const READ = O.RDONLY | O.NOFOLLOW;

/** The whole of a cgroup file, without the newline at its end. */
export function readCgroupFile(path: string): string {
  return readTextSync(path, READ).trimEnd();
}

/** As `readCgroupFile`; undefined when the file or its cgroup is gone. */
export function readCgroupFileIfAny(path: string): string | undefined {
  return readTextIfAnySync(path, READ)?.trimEnd();
}

/** Writes one value in one call, as the kernel wants it. */
export function writeCgroupFile(path: string, value: string): void {
  const descriptor = openSync(path, WRITE);
  try {
    writeSync(descriptor, value);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Makes all writes, in order; neighbours that go to one file share one descriptor.
 * @throws {CgroupWriteFailed}
 */
export function writeAllToCgroup(writes: readonly CgroupWrite[]): void {
  const later: CgroupWrite[] = [];
  using file = new OpenFile();
  for (const write of writes) makeWrite(file, write, later);
  for (const { onError: _, ...write } of later) makeWrite(file, write, later);
}

function makeWrite(file: OpenFile, write: CgroupWrite, later: CgroupWrite[]): void {
  try {
    file.write(write.path, write.value);
  } catch (error) {
    const errno = errnoOf(error);
    const rule = write.onError?.[errno];
    if (rule === "ignore") return;
    if (rule === "retry") later.push(write);
    else if (rule !== undefined) makeWrite(file, rule, later);
    else {
      const { clause, path, value } = write;
      throw new CgroupWriteFailed({ clause, path, value, errno, why: explain(write, errno) }, error);
    }
  }
}

/** What the machine can say about a refusal, if anything. */
function explain({ controller, path, value }: CgroupWrite, errno: string): string {
  const directory = path.slice(0, path.lastIndexOf("/"));
  if (errno === "EBUSY" && path.endsWith("/memory.limit_in_bytes")) {
    const usage = readCgroupFileIfAny(`${directory}/memory.usage_in_bytes`);
    const peak = readCgroupFileIfAny(`${directory}/memory.max_usage_in_bytes`);
    return `: unable to set memory limit to ${value} (current usage: ${usage}, peak usage: ${peak})`;
  }
  if (errno !== "ENOENT" && errno !== "EACCES" && errno !== "EPERM") return "";
  const available = readCgroupFileIfAny(`${directory}/cgroup.controllers`)?.split(" ");
  const isMissing = available !== undefined && controller !== "cgroup" && !available.includes(controller);
  return isMissing ? `: controller ${JSON.stringify(controller)} not available` : "";
}

class OpenFile {
  #path = "";
  #descriptor = -1;

  write(path: string, value: string): void {
    if (path !== this.#path) {
      this[Symbol.dispose]();
      this.#descriptor = openSync(path, WRITE);
      this.#path = path;
    }
    writeSync(this.#descriptor, value);
  }

  [Symbol.dispose](): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#descriptor = -1;
    this.#path = "";
  }
}
