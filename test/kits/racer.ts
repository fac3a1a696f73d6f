/** K2: two names that change places all the time, so that what was checked is not what is used. */
import { PROBE } from "./probe.ts";

/** Exchanges the paths `first` and `second` (renameat2, RENAME_EXCHANGE) until it is disposed of; both must exist. */
export function startRacer(first: string, second: string): AsyncDisposable {
  const racer = Bun.spawn([PROBE, `race:${first}=${second}`], { stdout: "pipe", stderr: "ignore" });
  return {
    async [Symbol.asyncDispose]() {
      const isStillRacing = racer.exitCode === null && racer.signalCode === null;
      racer.kill("SIGKILL");
      await racer.exited;
      if (!isStillRacing) throw new Error(`The race was over early: ${await racer.stdout.text()}`);
    },
  };
}
