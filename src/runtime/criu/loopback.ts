/** The loopback of a restored container: CRIU makes a network namespace anew, and leaves in it what the kernel made. */
import { check } from "../../sys/index.ts";
import { CLONE_NEWNET } from "../compile/constants.ts";
import { compileLoopback } from "../compile/namespaces.ts";
import { listen } from "../machine/dialogue.ts";
import { Helper } from "../machine/helper.ts";
import { PlanBuilder } from "../plan/builder.ts";

/** Sets it up in the network namespace of `pid`, as create does. @throws {SystemCallFailed} */
export function setUpLoopback(pid: number): void {
  const plan = new PlanBuilder();
  const namespace = plan.slot({ kind: "file", path: `/proc/${pid}/ns/net`, flags: "read" });
  plan.call("setns", [namespace, CLONE_NEWNET]);
  compileLoopback(plan);
  plan.sync("ready");
  using helper = new Helper(plan.finish(), 0);
  const said = listen(helper.socket);
  if (said.kind === "fail") check(-said.errno, "SIOCSIFFLAGS", "lo");
}
