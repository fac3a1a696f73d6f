/** Waiting for a child that Bun did not start. */
import { type Ended, reap } from "../../sys/index.ts";

/** Resolves with how child `pid` ended, and reaps it. */
export function childEnded(pid: number): Promise<Ended> {
  return new Promise((resolve) => {
    const look = () => {
      const ended = reap(pid);
      if (ended === undefined) return;
      process.off("SIGCHLD", look);
      resolve(ended);
    };
    process.on("SIGCHLD", look);
    look(); // it may have ended before we listened
  });
}
