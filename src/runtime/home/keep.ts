/**
 * The keeper of a plain user's namespaces: a process of some kilobytes that has a user, a mount and a network namespace and does
 * nothing, so that many commands can work in the same ones. It is an init whose plan ends in waiting.
 * Source: user_namespaces(7), mount_namespaces(7), network_namespaces(7).
 */
import type { IDMapping } from "../../spec/index.ts";
import { check, closeSync, O, openSync, reap, syscall } from "../../sys/index.ts";
import { CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWUSER, PR_SET_NAME, SIGKILL } from "../compile/constants.ts";
import { listen, reply } from "../machine/dialogue.ts";
import { writeIDMaps } from "../machine/id-maps.ts";
import { launch } from "../machine/launch.ts";
import { PlanBuilder } from "../plan/builder.ts";
import { PLAN_DESCRIPTOR, type Plan } from "../plan/plan.ts";

/** The ids of a new user namespace. */
export interface IDMaps {
  readonly uids: readonly IDMapping[];
  readonly gids: readonly IDMapping[];
}

/** Starts a keeper, which nobody waits for. @returns its pid @throws {IDMapRefused} {SystemCallFailed} */
export function startKeeper({ uids, gids }: IDMaps): number {
  const nothing = openSync("/dev/null", O.RDWR);
  const { pid, pidfd, socket } = (() => {
    try {
      return launch(keeperPlan(), { stdio: [nothing, nothing, nothing], cloneFlags: 0 });
    } finally {
      closeSync(nothing);
    }
  })();
  try {
    hear(socket, "unshare", "user namespace");
    writeIDMaps(pid, uids, gids, { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 });
    check(reply(socket), "sendmsg", "keeper");
    hear(socket, "unshare", "mount and network namespace");
    check(reply(socket), "sendmsg", "keeper");
    return pid;
  } catch (error) {
    syscall("pidfd_send_signal", pidfd, SIGKILL, 0, 0);
    reap(pid, { wait: true });
    throw error;
  } finally {
    syscall("close", pidfd);
    syscall("close", socket);
  }
}

function hear(socket: number, call: string, about: string): void {
  const said = listen(socket);
  if (said.kind === "fail") check(-said.errno, call, about);
}

function keeperPlan(): Plan {
  const plan = new PlanBuilder();
  plan.section("keeper", "user_namespaces(7)");
  plan.call("prctl", [PR_SET_NAME, plan.text("teu-keeper")]);
  plan.call("unshare", [CLONE_NEWUSER]);
  plan.sync("id-maps");
  plan.call("setresgid", [0, 0, 0]);
  plan.call("setresuid", [0, 0, 0]);
  plan.call("unshare", [CLONE_NEWNS | CLONE_NEWNET]);
  // No terminal's end and no session's takes it along.
  plan.call("setsid", []);
  plan.call("chdir", [plan.text("/")]);
  plan.sync("ready");
  plan.call("close_range", [PLAN_DESCRIPTOR, 0xffff_ffff, 0]);
  const again = plan.label();
  plan.place(again);
  plan.addFuel(1_000_000);
  plan.call("ppoll", [0, 0, 0, 0, 0], { on: { EINTR: again } });
  plan.exit(0);
  return plan.finish();
}
