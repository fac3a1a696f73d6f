/**
 * Loads the filter. What init does after it must be allowed by it, or by the agent that listens: so the agent is told by
 * write and read alone, which every profile needs to let through (runc has the same need, and the same bound: a profile
 * may not have `write` answered by the agent). Source: runtime-spec config-linux.md, Seccomp; seccomp(2), seccomp_unotify(2).
 */
import { errno } from "../../sys/index.ts";
import type { PlanBuilder } from "../plan/builder.ts";
import { DataRef, SYNC_DESCRIPTOR } from "../plan/plan.ts";
import { ALL, PR_SET_DUMPABLE, SECCOMP_SET_MODE_FILTER } from "./constants.ts";
import { close, type SeccompPlan, T1, T2 } from "./context.ts";

/** `struct message` of init.c with kind LISTENER: its first value is the descriptor's number in init. */
export const MESSAGE_LISTENER = 5;
const MESSAGE_BYTES = 48;
const VALUES_AT = 16;
/** `struct answer` of init.c without bytes. */
const ANSWER_BYTES = 48;

/** One record, or with a listener the few that hand it over. */
export function compileSeccompFilter(plan: PlanBuilder, seccomp: SeccompPlan): void {
  const { program, flags, listener, isTakenFromDumpable } = seccomp;
  plan.section("linux.seccomp", "config-linux.md, Seccomp");
  const loaded = plan.shared("sock_fprog", [], () =>
    plan.words([program.length / 8, plan.bytes(program, `${program.length / 8} instructions`)], "sock_fprog"),
  );
  // From the first to the last moment at which it has to be.
  const isDumpable = listener !== undefined && isTakenFromDumpable;
  if (isDumpable) plan.call("prctl", [PR_SET_DUMPABLE, 1]);
  plan.call("seccomp", [SECCOMP_SET_MODE_FILTER, flags, loaded], listener && { result: T1 });
  if (listener === undefined) return;
  plan.section("linux.seccomp.listenerPath", "config-linux.md, Seccomp");
  const message = plan.words([MESSAGE_LISTENER, 0, 0, 0, 0, 0], "the listener message");
  plan.store(new DataRef(message.offset + VALUES_AT), 8, T1);
  plan.call("write", [SYNC_DESCRIPTOR, message, MESSAGE_BYTES]);
  plan.host({ kind: "listener", ...listener });
  const [again, answered] = [plan.label(), plan.label()];
  plan.addFuel(1000);
  plan.place(again);
  plan.call("read", [SYNC_DESCRIPTOR, plan.reserve(ANSWER_BYTES, "the answer"), ANSWER_BYTES], {
    result: T2,
    on: { EINTR: again },
  });
  // Nothing to read is the end of the parent.
  plan.jump(answered, T2, ALL, "!=", 0n);
  plan.fail(errno.EPIPE);
  plan.place(answered);
  if (isDumpable) plan.call("prctl", [PR_SET_DUMPABLE, 0]);
  close(plan, T1);
}
