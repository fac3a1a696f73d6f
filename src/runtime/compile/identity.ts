/**
 * Who the process is: limits of what it may ever become first, then groups, user and capabilities.
 * Source: runtime-spec config.md, process.user, process.capabilities; capabilities(7), credentials(7).
 */
import type { Process } from "../../spec/index.ts";
import { errno } from "../../sys/index.ts";
import type { PlanBuilder } from "../plan/builder.ts";
import { DataRef } from "../plan/plan.ts";
import { capabilityData, capabilityNumbers } from "./capabilities.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  LINUX_CAPABILITY_VERSION_3,
  NEGATIVE,
  O_CLOEXEC,
  O_WRONLY,
  PR_CAP_AMBIENT,
  PR_CAP_AMBIENT_CLEAR_ALL,
  PR_CAP_AMBIENT_RAISE,
  PR_CAPBSET_DROP,
  PR_SET_KEEPCAPS,
  PR_SET_NO_NEW_PRIVS,
  PR_SET_PDEATHSIG,
  S_IFIFO,
  S_IFMT,
  SIGKILL,
  STATX_BASIC_STATS,
  STATX_BYTES,
  STX_MODE,
} from "./constants.ts";
import { CHDIR_RESULT, type Circumstances, close, T1 } from "./context.ts";
import { compileSeccompFilter } from "./seccomp.ts";

const PATH_MAX = 4096;

/** Before the capabilities go: a filter without no_new_privs needs CAP_SYS_ADMIN. */
export function compilePrivileges(
  plan: PlanBuilder,
  process: Process,
  seccomp: Circumstances["seccomp"],
): void {
  if (process.noNewPrivileges) {
    plan.section("process.noNewPrivileges", "config.md, process.noNewPrivileges");
    plan.call("prctl", [PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0]);
  } else if (seccomp !== undefined) compileSeccompFilter(plan, seccomp);
}

/**
 * Who is killed first when memory is short. Init writes it before it is in any namespace and while its files in /proc are
 * its own; PID 1 inherits it. Who is not the host's root may not lower it, and what is inherited then is what the caller has.
 */
export function compileOomScore(
  plan: PlanBuilder,
  value: number | undefined,
  { isRootless, isInUserNamespace }: Pick<Circumstances, "isRootless" | "isInUserNamespace">,
): void {
  if (value === undefined) return;
  plan.section("process.oomScoreAdj", "config.md, process.oomScoreAdj");
  const path = plan.text("/proc/self/oom_score_adj");
  plan.call("openat", [AT_FDCWD, path, O_WRONLY | O_CLOEXEC], { result: T1 });
  const text = String(value);
  const mayFail = isRootless || isInUserNamespace;
  plan.call("write", [T1, plan.text(text), text.length], mayFail ? { on: { EACCES: "next" } } : {});
  close(plan, T1);
}

/** The parent sets them, while init waits at the record before: outside root's rights are still whole. */
export function compileRlimits(plan: PlanBuilder, limits: Process["rlimits"] = []): void {
  if (limits.length === 0) return;
  plan.section("process.rlimits", "config.md, process.rlimits");
  plan.host({ kind: "rlimits" });
}

/** From root to the process's own user, in its own directory. */
export function compileIdentity(
  plan: PlanBuilder,
  process: Process,
  options: { lastCapability: number; dieWithParent: boolean; inUserNamespace: boolean },
): void {
  const { user, capabilities = {}, cwd } = process;
  const { lastCapability, dieWithParent, inUserNamespace } = options;
  const numbers = (names: readonly string[] | undefined): ReadonlySet<number> =>
    capabilityNumbers(names, lastCapability);
  const bounding = numbers(capabilities.bounding);

  plan.section("process.cwd", "config.md, process.cwd");
  // Root may not enter what only the user can (a network file system), and the user not what only root can.
  plan.call("chdir", [plan.text(cwd)], { result: CHDIR_RESULT, on: { EACCES: "next" } });
  plan.section("process.capabilities.bounding", "config.md, process.capabilities");
  for (let number = 0; number <= lastCapability; number++)
    if (!bounding.has(number)) plan.call("prctl", [PR_CAPBSET_DROP, number, 0, 0, 0]);

  plan.section("process.user", "config.md, process.user");
  plan.call("prctl", [PR_SET_KEEPCAPS, 1, 0, 0, 0]);
  if (!process.terminal && (user.uid !== 0 || inUserNamespace)) compileStreamOwner(plan, user.uid);
  const groups = user.additionalGids ?? [];
  const list = plan.bytes(new Uint8Array(new Uint32Array(groups).buffer), groups.join(" "));
  // A plain user's namespace may deny it (2014-8989); then there is nothing to drop that the user has not anyway.
  const isOptional = inUserNamespace && groups.length === 0;
  plan.call("setgroups", [groups.length, list], isOptional ? { on: { EPERM: "next" } } : {});
  plan.call("setresgid", [user.gid, user.gid, user.gid]);
  plan.call("setresuid", [user.uid, user.uid, user.uid]);
  plan.call("umask", [user.umask ?? 0o022]);
  // A change of user takes the death signal away.
  if (dieWithParent) plan.call("prctl", [PR_SET_PDEATHSIG, SIGKILL]);

  plan.section("process.cwd", "config.md, process.cwd");
  const there = plan.label();
  plan.jump(there, CHDIR_RESULT, NEGATIVE, "==", 0n);
  plan.call("chdir", [plan.text(cwd)]);
  plan.place(there);
  compileInsideCheck(plan);

  plan.section("process.capabilities", "config.md, process.capabilities");
  const { effective, permitted, inheritable } = capabilities;
  const data = capabilityData(numbers(effective), numbers(permitted), numbers(inheritable));
  const header = plan.words([LINUX_CAPABILITY_VERSION_3], "{version=3, pid=0}");
  plan.call("capset", [
    header,
    plan.bytes(new Uint8Array(data.buffer), "{effective, permitted, inheritable}"),
  ]);
  plan.call("prctl", [PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0], { on: { EINVAL: "next" } });
  for (const number of numbers(capabilities.ambient))
    plan.call("prctl", [PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0], { on: { EPERM: "next" } });
}

/**
 * Pipes become the user's own, who could otherwise not open /dev/stdout: whoever made them is root. Only pipes: a file or a
 * device of the host stays whose it is. Source: runc, its reason for the same.
 */
function compileStreamOwner(plan: PlanBuilder, uid: number): void {
  const stat = plan.shared("statx", [], () => plan.reserve(STATX_BYTES, "statx"));
  const empty = plan.text("");
  // A filter may be there by now and know nothing of it.
  for (const stream of [0, 1, 2]) {
    const next = plan.label();
    plan.call("statx", [stream, empty, AT_EMPTY_PATH, STATX_BASIC_STATS, stat], {
      on: { EBADF: next, EPERM: next, ENOSYS: next },
    });
    plan.load(T1, new DataRef(stat.offset + STX_MODE), 2);
    plan.jump(next, T1, BigInt(S_IFMT), "!=", BigInt(S_IFIFO));
    // The owner may be nobody in this user namespace.
    plan.call("fchown", [stream, uid, -1], { on: { EPERM: "next" } });
    plan.place(next);
  }
}

/** The directory must be below the container's root: a leaked descriptor of the host may have led out (2024-21626). */
function compileInsideCheck(plan: PlanBuilder): void {
  const inside = plan.label();
  const buffer = plan.shared("getcwd", [], () => plan.reserve(PATH_MAX, "buffer"));
  plan.call("getcwd", [buffer, PATH_MAX]);
  plan.load(T1, new DataRef(buffer.offset), 1);
  plan.jump(inside, T1, 0xffn, "==", BigInt("/".charCodeAt(0)));
  plan.fail(errno.EXDEV);
  plan.place(inside);
}
