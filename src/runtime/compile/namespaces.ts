/**
 * The beginning: the cgroup is joined before any other work, then namespaces are joined and made.
 * Usual way: init is cloned straight into all new ones but that of the network, which it makes itself, as it joins the
 * others: to make it takes three times as long as all the others, and the parent, who waits for the clone, has more to do
 * than init. `stage.ts` has the other way.
 * Source: runtime-spec config-linux.md, Namespaces; clone(2), setns(2), cgroup_namespaces(7).
 */
import type { Linux, Namespace, NamespaceType } from "../../spec/index.ts";
import { byteLength } from "../../sys/index.ts";
import type { PlanBuilder } from "../plan/builder.ts";
import { Register } from "../plan/plan.ts";
import {
  AF_INET,
  AF_NETLINK,
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  IFF_UP,
  NEGATIVE,
  NETLINK_ROUTE,
  PR_SET_DUMPABLE,
  PR_SET_NAME,
  PR_SET_PDEATHSIG,
  SIGKILL,
  SIOCSIFFLAGS,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_RAW,
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

/** A namespace that is there already. */
export interface JoinedNamespace {
  readonly type: NamespaceType;
  readonly path: string;
  /** `linux.namespaces[2].path`. */
  readonly field: string;
}

/** Which namespaces are new, as clone flags by the moment at which they are made, and which are joined. */
export interface NamespacePlan {
  /** For the parent's clone: the usual way. */
  readonly spawn: number;
  /** For the clone that the first stage makes. */
  readonly stage: number;
  /** Whether a first stage clones PID 1: what it has made or joined is for its child, or the parent has to act between. */
  readonly isStaged: boolean;
  readonly user: "none" | "new" | "joined";
  readonly mount: boolean;
  /** New: made once init is in its cgroup, so that its root is that cgroup. */
  readonly cgroup: boolean;
  /** New: made by init, by itself or by the clone that its first stage makes. */
  readonly network: boolean;
  /** New. */
  readonly time: boolean;
  readonly joined: readonly JoinedNamespace[];
}

/** Sorts the namespaces of config.json. */
export function planNamespaces(namespaces: readonly Namespace[]): NamespacePlan {
  const joined: JoinedNamespace[] = [];
  let flags = 0;
  namespaces.forEach(({ type, path }, index) => {
    if (path) joined.push({ type, path, field: `linux.namespaces[${index}].path` });
    else flags |= CLONE_FLAGS[type];
  });
  const has = (type: NamespaceType): boolean => joined.some((namespace) => namespace.type === type);
  const user = (flags & CLONE_NEWUSER) !== 0 ? "new" : has("user") ? "joined" : "none";
  const time = (flags & CLONE_NEWTIME) !== 0;
  const isStaged = user !== "none" || time || has("pid");
  const others = flags & ~(CLONE_NEWUSER | CLONE_NEWCGROUP | CLONE_NEWTIME);
  return {
    spawn: isStaged ? 0 : others & ~CLONE_NEWNET,
    stage: isStaged ? others : 0,
    isStaged,
    user,
    mount: (flags & CLONE_NEWNS) !== 0 || has("mount"),
    cgroup: (flags & CLONE_NEWCGROUP) !== 0,
    network: (flags & CLONE_NEWNET) !== 0,
    time,
    joined,
  };
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
export function compileGuards(plan: PlanBuilder, options: Guards): void {
  plan.section("init", "runtime.md, Lifecycle");
  plan.call("prctl", [PR_SET_NAME, plan.text("teu-init")]);
  // What it makes has the mode that it asks for; the process gets its own mask later.
  plan.call("umask", [0]);
  compileChildGuards(plan, options);
}

/** What a child does not inherit, or a change of user undoes (with fs.suid_dumpable 1 it makes dumpable). */
export function compileChildGuards(plan: PlanBuilder, { dieWithParent, dumpable }: Guards): void {
  plan.section("init", "runtime.md, Lifecycle");
  if (!dumpable) plan.call("prctl", [PR_SET_DUMPABLE, 0]);
  if (dieWithParent) plan.call("prctl", [PR_SET_PDEATHSIG, SIGKILL]);
}

interface Guards {
  readonly dieWithParent: boolean;
  readonly dumpable: boolean;
}

/**
 * Joins what is there already, by descriptors that the parent has opened and looked at. The user namespace comes as late
 * as it can: outside of it more is allowed. What is refused there is joined from within (a plain user's other namespaces).
 */
export function compileJoins(plan: PlanBuilder, joined: readonly JoinedNamespace[]): void {
  const user = joined.find(({ type }) => type === "user");
  const others = joined
    .filter((namespace) => namespace !== user)
    .map((namespace, index) => ({
      ...openJoined(plan, namespace),
      result: new Register(FIRST_RESULT + index),
    }));
  for (const { field, slot, flag, result } of others) {
    plan.section(field, CLAUSE);
    plan.call("setns", [slot, flag], user && { result, on: { EPERM: "next" } });
  }
  if (user === undefined) return;
  const { field, slot, flag } = openJoined(plan, user);
  plan.section(field, CLAUSE);
  // The caller's groups mean nothing inside, where it may be forbidden to drop them.
  plan.call("setgroups", [0, 0], { on: { EPERM: "next" } });
  plan.call("setns", [slot, flag]);
  plan.call("setresgid", [0, 0, 0]);
  plan.call("setresuid", [0, 0, 0]);
  for (const { field, slot, flag, result } of others) {
    const done = plan.label();
    plan.section(field, CLAUSE);
    plan.jump(done, result, NEGATIVE, "==", 0n);
    plan.call("setns", [slot, flag]);
    plan.place(done);
  }
}

/** Of the registers that keep how each join went. There are eight types. */
const FIRST_RESULT = 30;

function openJoined(
  plan: PlanBuilder,
  { type, path, field }: JoinedNamespace,
): { field: string; slot: number; flag: number } {
  return { field, slot: plan.slot({ kind: "namespace", path, type, field }), flag: CLONE_FLAGS[type] };
}

/** What a new namespace needs before it is of use: its cgroup root, a session, a loopback that is up, names. */
export function compileNamespaceSetup(
  plan: PlanBuilder,
  namespaces: NamespacePlan,
  names: { readonly hostname?: string; readonly domainname?: string },
): void {
  const { cgroup, network, isStaged } = namespaces;
  const made = (cgroup ? CLONE_NEWCGROUP : 0) | (network && !isStaged ? CLONE_NEWNET : 0);
  plan.section("linux.namespaces", CLAUSE);
  if (made !== 0) plan.call("unshare", [made]);
  plan.call("setsid", []);
  if (network) compileLoopback(plan);
  compileName(plan, "hostname", "sethostname", names.hostname);
  compileName(plan, "domainname", "setdomainname", names.domainname);
}

/** The one device that a new network namespace has. */
export function compileLoopback(plan: PlanBuilder): void {
  const request = new Uint8Array(40);
  request.set(new TextEncoder().encode("lo"));
  request[16] = IFF_UP;
  plan.call("socket", [AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0], { result: T1 });
  plan.call("ioctl", [T1, SIOCSIFFLAGS, plan.bytes(request, '{ifr_name="lo", ifr_flags=IFF_UP}')]);
  close(plan, T1);
}

/** The parent moves devices in, and gives them their addresses through a socket of the namespace in which they then are. */
export function compileNetDevices(plan: PlanBuilder, devices: Linux["netDevices"] = {}): void {
  if (Object.keys(devices).length === 0) return;
  plan.section("linux.netDevices", "config-linux.md, Network Devices");
  plan.call("socket", [AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE], { result: T1 });
  plan.sync("net-devices", { descriptors: [T1] });
  plan.host({ kind: "net-devices" });
  close(plan, T1);
}

function compileName(
  plan: PlanBuilder,
  field: string,
  call: "sethostname" | "setdomainname",
  name: string | undefined,
): void {
  if (name === undefined || name === "") return;
  plan.section(field, "config.md, Hostname and Domainname");
  plan.call(call, [plan.text(name), byteLength(name)]);
}
