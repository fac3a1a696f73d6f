/** `teu unpack-layer`: layers in a process of their own; teu calls it, people do not. See engine/snapshot/worker.ts. */
import { print } from "../../base/index.ts";
import { runUnpackWorker } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu unpack-layer",
  summary: "Unpack layers: jobs come on stdin, outcomes go to stdout, each a line of JSON",
  flags: {},
  arguments: [],
  examples: [],
  run: () => runUnpackWorker(Bun.stdin.stream(), print),
});
