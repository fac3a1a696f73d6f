/** Waiting for a child that Bun did not start, without a timer that looks again. */
import { type Ended, reap } from "./spawn.ts";

const ANY = -1;
const FAR_AWAY_MS = 2 ** 30;

/**
 * Resolves with how child `pid` ended, and reaps it.
 * @param options.reapOthers  Also reap every other child that ends: for a subreaper, which is given what its
 *   descendants leave behind. Not where Bun has children of its own.
 */
export function childEnded(pid: number, options: { reapOthers?: boolean } = {}): Promise<Ended> {
  const waited = options.reapOthers ? ANY : pid;
  return new Promise((resolve) => {
    // A signal listener alone does not keep Bun's loop waiting: it would spin. A timer far away does.
    const waiting = setInterval(() => {}, FAR_AWAY_MS);
    const look = (): void => {
      for (let ended = reap(waited); ended !== undefined; ended = reap(waited)) {
        if (ended.pid !== pid) continue;
        process.off("SIGCHLD", look);
        clearInterval(waiting);
        resolve(ended);
        return;
      }
    };
    process.on("SIGCHLD", look);
    look(); // it may have ended before we listened
  });
}
