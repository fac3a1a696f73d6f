/** What CRIU's log says of a failure: its last lines that tell of errors, as one line can quote them. */
import { readTextIfAnySync } from "../../sys/index.ts";

const MAX_LINES = 3;
const MAX_CHARACTERS = 400;

/** The last errors of the log at `path`, in order; none where there is no log. */
export function logExcerpt(path: string): readonly string[] {
  return lastErrors(readTextIfAnySync(path) ?? "");
}

/** `(00.012) Error (criu/mount.c:1): what` → `Error (criu/mount.c:1): what`. */
export function lastErrors(text: string): readonly string[] {
  return text
    .split("\n")
    .filter((line) => /\bError \(/.test(line))
    .slice(-MAX_LINES)
    .map((line) => printable(line.replace(/^\([\d.]+\)\s*(\d+: )?/, "")).slice(0, MAX_CHARACTERS));
}

/** Names of the container's files are in it. */
function printable(line: string): string {
  return line.replace(/[^\x20-\x7e\u00a0-\uffff]/g, "?").trim();
}
