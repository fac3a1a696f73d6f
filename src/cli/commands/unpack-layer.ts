/** `teu unpack-layer`: one layer in a process of its own; teu calls it, people do not. See engine/snapshot/worker.ts. */
import { print } from "../../base/index.ts";
import { runUnpackWorker } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

export const command = teuCommand({
  name: "teu unpack-layer",
  summary: "Unpack one layer: the job comes on stdin, the outcome goes to stdout, both as JSON",
  flags: {},
  arguments: [],
  examples: [],
  run: () => runUnpackWorker(Bun.stdin.stream(), print),
});
