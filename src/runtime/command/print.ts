/** Standard output. Not base's, which loads node:fs: a millisecond of the six that `state` takes. */
import { writeAllSync } from "../../sys/index.ts";

/** Writes `text` to standard output, whole. */
export function print(text: string): void {
  writeAllSync(1, text);
}
