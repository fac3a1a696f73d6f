/**
 * Starts another process of this same program, for work that needs a process of its own. It gets an environment that we
 * made: what the caller's holds could turn any Bun executable into another program.
 */
import { resolvePath } from "../base/index.ts";

/** The words that start this program: the executable, or Bun and the sources while these are not built. */
export function selfCommand(): string[] {
  const isBuilt = import.meta.path.startsWith("/$bunfs/");
  return isBuilt ? [process.execPath] : [process.execPath, resolvePath(import.meta.dir, "../main.ts")];
}
