/**
 * The first stage: a process that makes or joins what only its child gets (a PID or time namespace), or for which the
 * parent has to act (id maps, clock offsets), then clones PID 1, tells its pid and leaves; never an exec in between.
 * Source: runtime-spec config-linux.md, Namespaces, User namespace mappings, Offset for Time Namespace;
 * user_namespaces(7), time_namespaces(7).
 */
import type { TimeOffset } from "../../spec/index.ts";
import type { PlanBuilder } from "../plan/builder.ts";
import { DataRef, REPORT } from "../plan/plan.ts";
import { ALL, CLONE_NEWTIME, CLONE_NEWUSER, CLONE_PARENT } from "./constants.ts";
import { T1 } from "./context.ts";
import type { NamespacePlan } from "./namespaces.ts";

/** `struct message` of init.c: kind PID, and the pid as its first value. */
const MESSAGE_PID = 3;
const MESSAGE_BYTES = 48;
const CLAUSE = "config-linux.md, Namespaces";
const MAPPINGS_CLAUSE = "config-linux.md, User namespace mappings";

type TimeOffsets = Readonly<Record<string, TimeOffset>>;

/** Whether the parent writes files of the stage: then it has to be dumpable, or they would be root's. */
export function isWrittenTo({ user, time }: NamespacePlan, timeOffsets: TimeOffsets): boolean {
  return user === "new" || (user === "joined" && time && Object.keys(timeOffsets).length > 0);
}

/** From the joined namespaces to PID 1, which runs what follows. */
export function compileStage(
  plan: PlanBuilder,
  { user, time, stage }: NamespacePlan,
  timeOffsets: TimeOffsets,
): void {
  const clocks = Object.entries(timeOffsets);
  if (user === "new") {
    plan.section("linux.namespaces", CLAUSE);
    plan.call("unshare", [CLONE_NEWUSER]);
  }
  if (time) {
    plan.section("linux.namespaces", CLAUSE);
    plan.call("unshare", [CLONE_NEWTIME]);
  }
  if (clocks.length > 0) plan.section("linux.timeOffsets", "config-linux.md, Offset for Time Namespace");
  if (user === "new") {
    plan.section("linux.uidMappings", MAPPINGS_CLAUSE);
    plan.sync("id-maps");
    plan.host({ kind: "id-maps" });
  } else if (clocks.length > 0) plan.sync("time-offsets");
  if (clocks.length > 0) plan.host({ kind: "time-offsets", text: encodeOffsets(clocks) });
  if (user === "new") {
    plan.section("linux.gidMappings", MAPPINGS_CLAUSE);
    plan.call("setresgid", [0, 0, 0]);
    plan.section("linux.uidMappings", MAPPINGS_CLAUSE);
    plan.call("setresuid", [0, 0, 0]);
  }
  plan.section("linux.namespaces", CLAUSE);
  compileStageClone(plan, stage);
}

/** As /proc/PID/timens_offsets takes it. */
function encodeOffsets(clocks: readonly (readonly [string, TimeOffset])[]): string {
  return clocks.map(([clock, { secs = 0, nanosecs = 0 }]) => `${clock} ${secs} ${nanosecs}\n`).join("");
}

/** Clones PID 1 as a sibling; this stage tells its pid and leaves. */
export function compileStageClone(plan: PlanBuilder, flags: number): void {
  const child = plan.label();
  // struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls
  const args = plan.words(
    [BigInt(flags) | BigInt(CLONE_PARENT), 0, 0, 0, 0, 0, 0, 0],
    `{flags=0x${flags.toString(16)}|CLONE_PARENT, exit_signal=0}`,
  );
  plan.call("clone3", [args, 64], { result: T1 });
  plan.jump(child, T1, ALL, "==", 0n);
  const message = plan.words([MESSAGE_PID, 0, 0, 0, 0, 0], "the pid message");
  plan.store(new DataRef(message.offset + 16), 8, T1);
  plan.call("write", [REPORT, message, MESSAGE_BYTES]);
  plan.exit(0);
  plan.place(child);
}
