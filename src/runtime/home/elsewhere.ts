/**
 * What is done in a network namespace from which this process could not come back: in one of a user namespace, while its own is
 * the machine's. init goes there instead. Source: setns(2).
 */
import initProgram from "../../../native/out/init.elf.base64" with { type: "text" };
import { check, closeSync, errno, O, openSync, sealedFile, socketPair } from "../../sys/index.ts";
import { AF_NETLINK, CLONE_NEWNET, NETLINK_ROUTE, SOCK_CLOEXEC, SOCK_RAW } from "../compile/constants.ts";
import { T1 } from "../compile/context.ts";
import { compileLoopback } from "../compile/namespaces.ts";
import { listen } from "../machine/dialogue.ts";
import { Helper } from "../machine/helper.ts";
import { planFile } from "../machine/launch.ts";
import { PlanBuilder } from "../plan/builder.ts";
import { FIRST_SLOT } from "../plan/plan.ts";
import type { Program } from "./enter.ts";

type Parameters = Readonly<Record<string, string>>;

/** A netlink socket of the network namespace at `path`, after `parameters` (paths below /proc/sys) are set. The caller closes it. @throws {SystemCallFailed} */
export function routeSocketIn(path: string, parameters: Parameters = {}): number {
  const plan = new PlanBuilder();
  plan.call("setns", [plan.slot({ kind: "file", path, flags: "read" }), CLONE_NEWNET]);
  compileParameters(plan, parameters);
  plan.call("socket", [AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE], { result: T1 });
  plan.sync("net-devices", { descriptors: [T1] });
  using helper = new Helper(plan.finish(), 0);
  const said = listen(helper.socket);
  if (said.kind === "fail") check(-said.errno, "setns", path);
  const [socket] = said.kind === "sync" ? said.descriptors : [];
  return check(socket ?? -errno.ESRCH, "socket", path);
}

/** Sets up the loopback of the network namespace at `path`, and `parameters` (paths below /proc/sys). @throws {SystemCallFailed} */
export function setUpNetwork(path: string, parameters: Parameters): void {
  const plan = new PlanBuilder();
  plan.call("setns", [plan.slot({ kind: "file", path, flags: "read" }), CLONE_NEWNET]);
  compileLoopback(plan);
  compileParameters(plan, parameters);
  plan.sync("ready");
  using helper = new Helper(plan.finish(), 0);
  const said = listen(helper.socket);
  if (said.kind === "fail") check(-said.errno, "write", Object.keys(parameters).join(", "));
}

function compileParameters(plan: PlanBuilder, parameters: Parameters): void {
  for (const [name, value] of Object.entries(parameters)) {
    plan.call("openat", [-100, plan.text(`/proc/sys/${name}`), O.WRONLY | O.CLOEXEC], { result: T1 });
    plan.call("write", [T1, plan.text(value), value.length]);
    plan.call("close", [T1]);
  }
}

/** How `Bun.spawn` starts a program in another network namespace; good until it is disposed of. */
export interface CommandElsewhere extends Disposable {
  readonly command: readonly string[];
  /** Behind the three standard streams. */
  readonly descriptors: readonly number[];
}

/** `program` in the network namespace at `path`. @throws {SystemCallFailed} */
export function commandIn(path: string, { path: executable, argv, env }: Program): CommandElsewhere {
  const plan = new PlanBuilder();
  plan.call("setns", [FIRST_SLOT, CLONE_NEWNET]);
  plan.call("close_range", [3, 0xffff_ffff, 4]);
  const table = plan.strings(argv, JSON.stringify(argv));
  plan.call("execve", [plan.text(executable), table, plan.strings(env, `${env.length} variables`)]);
  const init = sealedFile("teu-init", Uint8Array.fromBase64(initProgram), { executable: true });
  const [ours, theirs] = socketPair();
  const opened = [init, ours, theirs, planFile(plan.finish()), openSync(path, O.RDONLY | O.CLOEXEC)] as const;
  return {
    command: [`/proc/self/fd/${init}`],
    descriptors: [opened[3], theirs, opened[4]],
    [Symbol.dispose]: () => opened.forEach(closeSync),
  };
}
