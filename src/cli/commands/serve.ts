/** `teu serve`: the supervisor of a store. */
import { printError } from "../../base/index.ts";
import { openEngine, serve } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu serve",
  summary: "Look after containers: health checks, and those that begin again after a reboot",
  description: `Nobody has to run it: a container with a health check starts one, which ends when none needs it any more, and the first command after a
reboot starts what is to run again. As a service ('teu generate systemd') it does so without a command. Ended at any moment, it loses nothing.`,
  flags: {
    "while-needed": { kind: "boolean", summary: "End when no container is checked", hidden: true },
  },
  arguments: [],
  examples: [{ command: "teu serve", says: "Look after this machine's containers until ctrl-C" }],
  async run({ flags }, { environment }) {
    const stop = new AbortController();
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, () => stop.abort());
    const store = await openEngine(environment);
    const whileNeeded = flags["while-needed"];
    // Of two that were started by themselves one is enough; one that was asked for takes over when the other ends.
    for (let hasSaid = false; !stop.signal.aborted; ) {
      if ((await serve(store, stop.signal, { whileNeeded })) || whileNeeded) return 0;
      if (!hasSaid) printError("teu: another teu serves this store; waiting for its end\n");
      hasSaid = true;
      await Bun.sleep(500);
    }
    return 0;
  },
});
