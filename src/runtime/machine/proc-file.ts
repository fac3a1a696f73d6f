/** Files of /proc/PID that the parent writes for init, each in one call as the kernel wants it. Source: proc(5). */

import { TeuError } from "../../base/index.ts";
import { closeSync, errnoOf, O, openSync, writeSync } from "../../sys/index.ts";

/** The kernel refused what config.json asks for. */
export class ProcFileRefused extends TeuError<
  "proc-file-refused",
  { field: string; file: string; text: string; errno: string }
> {
  constructor(context: { field: string; file: string; text: string; errno: string }, cause: unknown) {
    const { field, file, text, errno } = context;
    super(
      "proc-file-refused",
      errno === "EPERM" || errno === "EACCES" ? "permission-denied" : "failed-precondition",
      context,
      `${field}: writing ${JSON.stringify(text.trimEnd())} to ${file}: ${errno}`,
      { cause },
    );
  }
}

/** Writes `/proc/PID/<file>`, which `field` of config.json asks for. @throws {ProcFileRefused} */
export function writeProcFile(pid: number, file: string, text: string, field: string): void {
  try {
    const descriptor = openSync(`/proc/${pid}/${file}`, O.RDWR);
    try {
      writeSync(descriptor, text);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    const errno = errnoOf(error);
    throw new ProcFileRefused({ field, file, text, errno }, error);
  }
}
