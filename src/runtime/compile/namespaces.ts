/**
 * The beginning: the cgroup is joined before any other work, then namespaces are made.
 * Usual way: init is cloned straight into all of them. With a user namespace there are two stages: the first makes
 * it and has its id maps written, then clones PID 1, tells its pid and leaves; never an exec in between.
 * Source: runtime-spec config-linux.md, Namespaces; clone(2), user_namespaces(7), cgroup_namespaces(7).
 */
import { Unsupported } from "../../base/index.ts";
import type { Namespace, NamespaceType } from "../../spec/index.ts";
import type { PlanBuilder } from "../plan/builder.ts";
import { DataRef, REPORT } from "../plan/plan.ts";
import {
  AF_INET,
  ALL,
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  CLONE_PARENT,
  IFF_UP,
  PR_SET_DUMPABLE,
  PR_SET_NAME,
  PR_SET_PDEATHSIG,
  SIGKILL,
  SIOCSIFFLAGS,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
} from "./constants.ts";
import { close, T1 } from "./context.ts";

/** By the names of config.json. */
export const CLONE_FLAGS: Readonly<Record<NamespaceType, number>> = {
  pid: CLONE_NEWPID,
  network: CLONE_NEWNET,
  mount: CLONE_NEWNS,
  ipc: CLONE_NEWIPC,
  uts: CLONE_NEWUTS,
  user: CLONE_NEWUSER,
  cgroup: CLONE_NEWCGROUP,
  time: CLONE_NEWTIME,
};
const CLAUSE = "config-linux.md, Namespaces";
/** `struct message` of init.c: kind PID, and the pid as its first value. */
const MESSAGE_PID = 3;
const MESSAGE_BYTES = 48;

/** Which namespaces are new, as clone flags by the moment at which they are made. */
export interface NamespacePlan {
  /** For the parent's clone: the usual way. */
  readonly spawn: number;
  /** For the clone that the first stage makes; 0 where there is no first stage. */
  readonly stage: number;
  readonly user: boolean;
  readonly cgroup: boolean;
}

/** Sorts the namespaces of config.json. @throws {Unsupported} for what is joined and for time. */
export function planNamespaces(namespaces: readonly Namespace[]): NamespacePlan {
  let flags = 0;
  namespaces.forEach(({ type, path }, index) => {
    const field = `linux.namespaces[${index}]`;
    if (path !== undefined && path !== "")
      throw new Unsupported({ what: `${field}.path`, why: "joining a namespace is not built yet" });
    if (type === "time")
      throw new Unsupported({ what: `${field} "time"`, why: "time namespaces are not built yet" });
    flags |= CLONE_FLAGS[type];
  });
  const user = (flags & CLONE_NEWUSER) !== 0;
  const cgroup = (flags & CLONE_NEWCGROUP) !== 0;
  // The cgroup namespace is made once init is in its cgroup, and its root is then that cgroup.
  const others = flags & ~(CLONE_NEWUSER | CLONE_NEWCGROUP);
  return { spawn: user ? 0 : others, stage: user ? others : 0, user, cgroup };
}

/** v1: init writes itself into each hierarchy's `tasks`: the cheapest join that there is. */
export function compileCgroupJoin(plan: PlanBuilder, joins: readonly string[]): void {
  plan.section("linux.cgroupsPath", "config-linux.md, Control groups");
  const self = plan.text("0");
  for (const path of joins) {
    const slot = plan.slot({ kind: "file", path, flags: "write" });
    plan.call("write", [slot, self, 1]);
  }
}

/** Nobody may trace or look into init (2016-9962), and it may die with its parent. */
export function compileGuards(
  plan: PlanBuilder,
  options: { dieWithParent: boolean; dumpable: boolean },
): void {
  plan.section("init", "runtime.md, Lifecycle");
  plan.call("prctl", [PR_SET_NAME, plan.text("teu-init")]);
  // What it makes has the mode that it asks for; the process gets its own mask later.
  plan.call("umask", [0]);
  if (!options.dumpable) plan.call("prctl", [PR_SET_DUMPABLE, 0]);
  if (options.dieWithParent) plan.call("prctl", [PR_SET_PDEATHSIG, SIGKILL]);
}

/** The first stage of a container with a user namespace; what follows is run by PID 1. */
export function compileUserStage(plan: PlanBuilder, namespaces: NamespacePlan): void {
  plan.section("linux.uidMappings", "config-linux.md, User namespace mappings");
  plan.call("unshare", [CLONE_NEWUSER]);
  plan.sync("id-maps");
  plan.host({ kind: "id-maps" });
  plan.call("setresgid", [0, 0, 0]);
  plan.call("setresuid", [0, 0, 0]);
  plan.section("linux.namespaces", CLAUSE);
  compileStageClone(plan, namespaces.stage);
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

/** What a new namespace needs before it is of use: its cgroup root, a session, a loopback that is up, names. */
export function compileNamespaceSetup(
  plan: PlanBuilder,
  namespaces: NamespacePlan,
  names: { readonly hostname?: string; readonly domainname?: string },
): void {
  const made = namespaces.spawn | namespaces.stage;
  plan.section("linux.namespaces", CLAUSE);
  if (namespaces.cgroup) plan.call("unshare", [CLONE_NEWCGROUP]);
  plan.call("setsid", []);
  if ((made & CLONE_NEWNET) !== 0) {
    const request = new Uint8Array(40);
    request.set(new TextEncoder().encode("lo"));
    request[16] = IFF_UP;
    plan.call("socket", [AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0], { result: T1 });
    plan.call("ioctl", [T1, SIOCSIFFLAGS, plan.bytes(request, '{ifr_name="lo", ifr_flags=IFF_UP}')]);
    close(plan, T1);
  }
  compileName(plan, "hostname", "sethostname", names.hostname);
  compileName(plan, "domainname", "setdomainname", names.domainname);
}

function compileName(
  plan: PlanBuilder,
  field: string,
  call: "sethostname" | "setdomainname",
  name: string | undefined,
): void {
  if (name === undefined || name === "") return;
  plan.section(field, "config.md, Hostname and Domainname");
  plan.call(call, [plan.text(name), Buffer.byteLength(name)]);
}
